//! The time course of reflectance at one place while a wave passes.

use std::f64::consts::PI;

/// A dip, a rise, a fall and an undershoot that recovers, joined by half periods of a cosine.
///
/// Time zero is the steepest point of the rise, which is the arrival of the wave. The rise is the leading band that
/// annotators track: the sample of the published data shows it 0.4 to 0.6 mm wide, that is 8 to 10 s at 3.5 mm/min.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    /// Time from the level at rest to the bottom of the dip, s; 0.5 to 60.
    pub dip_s: f64,
    /// Depth of the dip, as part of the peak; 0 to 1.
    pub dip: f64,
    /// Time from the bottom of the dip to the peak, s; 0.5 to 120.
    pub rise_s: f64,
    /// Time from the peak to the bottom of the undershoot, s; 0.5 to 600.
    pub fall_s: f64,
    /// Depth of the undershoot, as part of the peak; 0 to 1.
    pub undershoot: f64,
    /// Time from there to the level at rest, s; 0.5 to 3600.
    pub recovery_s: f64,
}

impl Default for Course {
    fn default() -> Self {
        Self { dip_s: 6.0, dip: 0.18, rise_s: 9.0, fall_s: 35.0, undershoot: 0.2, recovery_s: 120.0 }
    }
}

impl Course {
    /// Times at which the course turns, s, and its values there; the peak is 1.
    fn knots(&self) -> [(f64, f64); 5] {
        let bottom = -0.5 * self.rise_s;
        let peak = 0.5 * self.rise_s;
        let low = peak + self.fall_s;
        [
            (bottom - self.dip_s, 0.0),
            (bottom, -self.dip),
            (peak, 1.0),
            (low, -self.undershoot),
            (low + self.recovery_s, 0.0),
        ]
    }

    /// The value at a time, as part of the peak; zero long before and long after.
    pub fn at(&self, t_s: f64) -> f64 {
        let turns = self.knots();
        let Some(span) = turns.windows(2).find(|w| (w[0].0..w[1].0).contains(&t_s)) else { return 0.0 };
        let part = (t_s - span[0].0) / (span[1].0 - span[0].0);
        span[0].1 + (span[1].1 - span[0].1) * 0.5 * (1.0 - (PI * part).cos())
    }

    /// The integral from long before to a time, s.
    fn integral(&self, t_s: f64) -> f64 {
        let area = |span: &[(f64, f64)]| {
            let length = span[1].0 - span[0].0;
            let part = ((t_s - span[0].0) / length).clamp(0.0, 1.0);
            let eased = 0.5 * (part - (PI * part).sin() / PI);
            length * (span[0].1 * part + (span[1].1 - span[0].1) * eased)
        };
        self.knots().windows(2).map(area).sum()
    }

    /// First and last time at which the course differs from zero, s.
    pub(super) fn span_s(&self) -> (f64, f64) {
        let turns = self.knots();
        (turns[0].0, turns[4].0)
    }

    /// The course averaged over exposures of `exposure_s`, as a table to be read millions of times.
    pub(super) fn averaged(&self, exposure_s: f64) -> CourseTable {
        let (first, last) = self.span_s();
        let start = first - 0.5 * exposure_s - STEP_S;
        let n = ((last + 0.5 * exposure_s - start) / STEP_S).ceil() as usize + 2;
        let value = |i: usize| {
            let middle = start + i as f64 * STEP_S;
            let area = self.integral(middle + 0.5 * exposure_s) - self.integral(middle - 0.5 * exposure_s);
            (area / exposure_s) as f32
        };
        CourseTable { start_s: start as f32, values: (0..n).map(value).collect() }
    }
}

/// Step of the table; the value between is off by less than 1e-4 of the peak for a rise of 3 s.
const STEP_S: f64 = 0.05;

/// A course averaged over an exposure.
pub(super) struct CourseTable {
    start_s: f32,
    values: Vec<f32>,
}

impl CourseTable {
    /// The mean over the exposure whose middle is `t_s` after the arrival.
    pub(super) fn at(&self, t_s: f32) -> f32 {
        let position = (t_s - self.start_s) * const { 1.0 / STEP_S as f32 };
        // A cast of a negative or NaN position gives 0, where the table holds zero.
        let cell = position as usize;
        match self.values.get(cell..cell + 2) {
            Some(pair) => pair[0] + (pair[1] - pair[0]) * (position - cell as f32).max(0.0),
            None => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_course_turns_where_it_should() {
        let course = Course::default();
        assert!((course.at(4.5) - 1.0).abs() < 1e-12 && (course.at(-4.5) + 0.18).abs() < 1e-12);
        assert!((course.at(39.5) + 0.2).abs() < 1e-12);
        assert_eq!((course.at(-10.6), course.at(160.0)), (0.0, 0.0));
        let slope = |t: f64| course.at(t + 0.01) - course.at(t - 0.01);
        let steepest = (-100..1000).map(|i| 0.1 * f64::from(i)).fold(0.0, |best: f64, t| best.max(slope(t)));
        assert!((slope(0.0) - steepest).abs() < 1e-6, "the rise is steepest at time zero");
    }

    #[test]
    fn a_table_holds_the_mean_over_the_exposure() {
        let course = Course::default();
        for exposure in [1.0 / 60.0, 1.0] {
            let table = course.averaged(exposure);
            for t in [-20.0, -10.2, -4.4, -1.03, 0.0, 2.22, 4.5, 17.0, 100.0, 159.0, 400.0] {
                let mean: f64 =
                    (0..1000).map(|i| course.at(t + exposure * ((f64::from(i) + 0.5) / 1000.0 - 0.5))).sum();
                assert!((f64::from(table.at(t as f32)) - mean / 1000.0).abs() < 2e-4, "{exposure} {t}");
            }
        }
    }
}
