//! The time course of one transient.

/// Which shape a transient has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventKind {
    /// A spine head, with a faint stretch of its dendrite.
    Spine,
    /// A short stretch of dendrite.
    Shaft,
    /// Several µm of dendrite with the spines on it.
    Large,
    /// A stretch that lights up outwards from its origin.
    Propagating,
}

impl EventKind {
    /// The word used in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spine => "spine",
            Self::Shaft => "shaft",
            Self::Large => "large",
            Self::Propagating => "propagating",
        }
    }
}

/// Rise and decay of a transient: `(1 - e^(-s/rise)) e^(-s/decay)` at `s` seconds after onset.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeCourse {
    /// Start, in seconds from the start of frame 0.
    pub(super) onset_s: f64,
    /// Time constant of the rise, in s.
    pub(super) rise_s: f64,
    /// Time constant of the decay, in s.
    pub(super) decay_s: f64,
}

impl TimeCourse {
    /// Mean over an exposure that starts at `start_s` and lasts `exposure_s`, delayed by `lag_s`; the instantaneous
    /// maximum is not normalised.
    pub(super) fn mean(&self, start_s: f64, exposure_s: f64, lag_s: f64) -> f64 {
        let from = start_s - self.onset_s - lag_s;
        (self.integral(from + exposure_s) - self.integral(from)) / exposure_s
    }

    /// Time after onset from which the course stays below `part` of its decay's start, in s.
    pub(super) fn length_s(&self, part: f64) -> f64 {
        -self.decay_s * part.ln()
    }

    fn integral(&self, s: f64) -> f64 {
        if s <= 0.0 {
            return 0.0;
        }
        let both = 1.0 / (1.0 / self.rise_s + 1.0 / self.decay_s);
        self.decay_s * (1.0 - (-s / self.decay_s).exp()) - both * (1.0 - (-s / both).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_over_an_exposure_is_the_integral_of_the_course() {
        let course = TimeCourse { onset_s: 0.33, rise_s: 0.04, decay_s: 0.3 };
        let value = |s: f64| {
            let s = s - 0.33;
            if s <= 0.0 { 0.0 } else { (1.0 - (-s / 0.04).exp()) * (-s / 0.3).exp() }
        };
        for start in [0.0, 0.3, 0.4, 1.0] {
            let n = 20_000;
            let numeric = (0..n).map(|i| value(start + 0.1 * (f64::from(i) + 0.5) / f64::from(n))).sum::<f64>();
            assert!((course.mean(start, 0.1, 0.0) - numeric / f64::from(n)).abs() < 1e-6);
            assert!((course.mean(start + 0.2, 0.1, 0.2) - course.mean(start, 0.1, 0.0)).abs() < 1e-12);
        }
    }
}
