//! Powers of two, in steps that compilers turn into vectors.

/// 2^x for x of at most 127, within three units of the last place; powers below -126 are as 2^-126, which is next to
/// nothing. NaN stays NaN.
#[inline(always)]
pub(crate) fn exp2(x: f32) -> f32 {
    /// Adding it rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    /// Of the Taylor series of 2^f: ln 2^k / k!.
    const TERMS: [f32; 7] =
        [1.0, std::f32::consts::LN_2, 0.240_226_5, 0.055_504_11, 0.009_618_129, 0.001_333_355_8, 0.000_154_035_3];
    let x = if x < -126.0 { -126.0 } else { x };
    let shifted = x + ROUND;
    let part = x - (shifted - ROUND);
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    let [a, b, c, d, e, f, g] = TERMS;
    power * (a + part * (b + part * (c + part * (d + part * (e + part * (f + part * g))))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_power_of_two() {
        for i in -126_000..=10_000 {
            let x = i as f32 / 1000.0;
            let expected = f64::from(x).exp2();
            let error = (f64::from(exp2(x)) - expected).abs() / expected;
            assert!(error < 3.6e-7, "2^{x}: {error:e} off");
        }
        assert!(exp2(f32::MIN) < 1.2e-38 && exp2(f32::NEG_INFINITY) < 1.2e-38);
        assert!(exp2(f32::NAN).is_nan());
    }
}
