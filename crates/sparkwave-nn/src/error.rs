//! What can go wrong with a network.

/// Why a network could not be built, trained or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The arrays of a file do not fit the network.
    #[error("the weights do not fit the network{}{}{}", list("missing", .missing), list("unexpected", .unexpected), list("unfit", .unfit))]
    Weights {
        /// Arrays of the network that the file lacks.
        missing: Vec<String>,
        /// Arrays of the file that the network lacks.
        unexpected: Vec<String>,
        /// Arrays of another shape, or that are not numbers.
        unfit: Vec<String>,
    },
    /// A parameter is outside its range.
    #[error("{name} is {found}, expected {expected}")]
    Parameter {
        /// Which parameter.
        name: &'static str,
        /// What it may be.
        expected: String,
        /// What it was.
        found: String,
    },
    /// What was saved is damaged, or of another network or movie than the one that was to go on from it.
    #[error("{name} is {found}, expected {expected}")]
    Saved {
        /// What was saved.
        name: &'static str,
        /// What it should be.
        expected: String,
        /// What it was.
        found: String,
    },
    /// The loss of a training became infinite or not a number.
    #[error("loss is {0}, expected a number (try a smaller learning rate)")]
    Diverged(f32),
    /// A recording of the training set, or a movie to be searched, could not be read.
    #[error(transparent)]
    Source(sparkwave_core::source::SourceError),
    /// Rays, distances or labels make no star-convex objects.
    #[error(transparent)]
    Stars(sparkwave_imgproc::star::StarError),
    /// There is no memory even for the smallest tile.
    #[error("there is no memory for a tile of the network, which takes {bytes} bytes")]
    Memory {
        /// What its buffers would take.
        bytes: usize,
    },
    /// There is no graphics card, or the program was built without support for it.
    #[error("no graphics card can be used: {0}")]
    Device(String),
    /// The device gave up on the way, such as for lack of memory.
    #[error("the network could not be computed: {0}")]
    Compute(String),
    /// The work was cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// At most five names of a list, for one sentence.
fn list(what: &str, names: &[String]) -> String {
    const SHOWN: usize = 5;
    if names.is_empty() {
        return String::new();
    }
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    let more = if names.len() > SHOWN { format!(" and {} more", names.len() - SHOWN) } else { String::new() };
    format!("; {what}: {shown}{more}")
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
