//! Why a run failed.

use sparkwave_core::source::SourceError;
use std::path::{Path, PathBuf};

/// Why a run failed. The message is one sentence that names the file and what was wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] sparkwave_io::Error),
    /// The pixels of the movie could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A computation on pixels failed.
    #[error(transparent)]
    Imgproc(#[from] sparkwave_imgproc::Error),
    /// The times of the frames make no grid of bins.
    #[error("average over time: {0}")]
    Grid(#[from] sparkwave_imgproc::seconds::GridError),
    /// Truth and prediction could not be compared.
    #[error("evaluate {}: {source}", path.display())]
    Evaluate {
        /// The table that was wrong.
        path: PathBuf,
        /// What was wrong in it.
        source: sparkwave_analysis::evaluate::Error,
    },
    /// A network could not be built, trained or run.
    #[error(transparent)]
    Network(#[from] sparkwave_nn::error::Error),
    /// Groups could not be compared.
    #[error(transparent)]
    Statistics(#[from] sparkwave_analysis::statistics::Error),
    /// Features could not be computed.
    #[error(transparent)]
    Features(#[from] sparkwave_analysis::features::Error),
    /// Events could not be grouped.
    #[error(transparent)]
    Subtypes(#[from] sparkwave_analysis::subtypes::Error),
    /// Events could not be categorized.
    #[error(transparent)]
    Categories(#[from] sparkwave_analysis::categories::Error),
    /// Events could not be told apart.
    #[error(transparent)]
    Classify(#[from] sparkwave_analysis::classify::Error),
    /// The recording could not be simulated as asked.
    #[error(transparent)]
    Simulate(#[from] sparkwave_core::synth::SparksError),
    /// The waves could not be simulated as asked.
    #[error(transparent)]
    SimulateWaves(#[from] sparkwave_core::synth::WavesError),
    /// The output folder holds something already.
    #[error("write to {}: expected an empty or absent folder, found files in it (--resume finishes a run, --overwrite replaces it)", path.display())]
    NotEmpty {
        /// The output folder.
        path: PathBuf,
    },
    /// `--resume` was asked for a folder that holds another run.
    #[error("resume {}: expected a run with the same parameters, found {found}", path.display())]
    OtherRun {
        /// The output folder.
        path: PathBuf,
        /// What differs.
        found: String,
    },
    /// A parameter file could not be understood.
    #[error("read {}: {message}", path.display())]
    Config {
        /// The parameter file.
        path: PathBuf,
        /// What is wrong in it, with the line.
        message: String,
    },
    /// A parameter has no sensible meaning.
    #[error("parameter {name}: expected {expected}, found {found}")]
    Parameter {
        /// Name of the parameter.
        name: &'static str,
        /// What would be right.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// No thread pool could be made.
    #[error("start {n} threads: {message}")]
    Threads {
        /// How many were asked for.
        n: usize,
        /// The answer of the operating system.
        message: String,
    },
    /// The user asked to stop.
    #[error("cancelled; finished files are kept, --resume continues")]
    Cancelled,
}

impl Error {
    /// Checks that named parameters are finite and greater than zero; the error names the first that is not.
    pub(crate) fn unless_positive(parameters: impl IntoIterator<Item = (&'static str, f64)>) -> Result<(), Self> {
        match parameters.into_iter().find(|(_, value)| !(value.is_finite() && *value > 0.0)) {
            Some((name, value)) => {
                let expected = "a finite number greater than zero";
                Err(Self::Parameter { name, expected, found: value.to_string() })
            }
            None => Ok(()),
        }
    }

    /// What is wrong with the weights in a file. A parameter is the user's, whatever weights it is used with.
    pub(crate) fn of_weights(path: &Path, error: sparkwave_nn::error::Error) -> Self {
        match error {
            sparkwave_nn::error::Error::Parameter { .. } => error.into(),
            _ => Self::Config { path: path.to_path_buf(), message: error.to_string() },
        }
    }

    /// What is wrong with the text of a parameter file, in one line where the library draws the place on several.
    pub(crate) fn of_config(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let message = format!("expected parameters of a run, found in line {line}: {}", error.message());
        Self::Config { path: path.to_path_buf(), message }
    }

    /// True if what the user asked for makes no sense, alone or for this movie.
    pub fn is_bad_parameter(&self) -> bool {
        matches!(
            self,
            Self::Parameter { .. }
                | Self::Simulate(_)
                | Self::Imgproc(sparkwave_imgproc::Error::Region { .. })
                | Self::Network(sparkwave_nn::error::Error::Parameter { .. })
        )
    }

    /// True if the user asked to stop, wherever that was noticed.
    pub fn is_cancelled(&self) -> bool {
        matches!(
            self,
            Self::Cancelled
                | Self::Io(sparkwave_io::Error::Cancelled(_))
                | Self::Imgproc(sparkwave_imgproc::Error::Cancelled)
                | Self::Network(sparkwave_nn::error::Error::Cancelled)
        )
    }
}
