//! Physical quantities that cross crate boundaries. Unknown is `None`, never 0 or 1.

macro_rules! quantity {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
        pub struct $name(f64);

        impl $name {
            /// Wraps a number of this unit.
            pub const fn new(value: f64) -> Self {
                Self(value)
            }

            /// The number of this unit.
            pub const fn get(self) -> f64 {
                self.0
            }
        }
    };
}

quantity!(
    /// Time, in seconds.
    Seconds
);
quantity!(
    /// Length, in micrometres.
    Micrometers
);
