//! A source together with what only `info` wants to know.

use sparkwave_core::source::FrameSource;

/// What a reader returns.
pub(crate) struct Opened {
    pub(crate) source: Box<dyn FrameSource>,
    /// Name of the format, such as `"TIFF (ImageJ)"`.
    pub(crate) format: String,
    /// Axes as the file has them, such as `"TYX"` or `"TZYX"`.
    pub(crate) axes: String,
    /// NumPy's name of the number type in the file.
    pub(crate) stored_type: &'static str,
    /// How pixels are packed: `"none"`, `"LZW"`, ...
    pub(crate) compression: String,
}
