//! Models that others have published, too large to come with the program: where they are, and how they are told from
//! anything else.

use crate::error::Error;
use crate::provenance::{hex, input_record};
use etcetera::BaseStrategy;
use sha2::{Digest, Sha256};
use sparkwave_core::progress::Progress;
use sparkwave_io::atomic::AtomicFile;
use sparkwave_io::download::Download;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// A published checkpoint.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// Its name in arguments.
    pub name: &'static str,
    /// What it is for, in a few words.
    pub purpose: &'static str,
    /// Under which terms it may be used.
    pub licence: &'static str,
    /// Where its authors offer it.
    pub url: &'static str,
    /// Its size in bytes.
    pub n_bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: &'static str,
}

macro_rules! sam2 {
    ($version:literal, $size:literal, $day:literal, $file:literal, $n_bytes:literal, $sha256:literal) => {
        Published {
            name: concat!("sam", $version, "-hiera-", $size),
            purpose: concat!("SAM ", $version, ", ", $size, ": objects followed through a movie"),
            licence: "Apache-2.0",
            url: concat!("https://dl.fbaipublicfiles.com/segment_anything_2/", $day, "/", $file),
            n_bytes: $n_bytes,
            sha256: $sha256,
        }
    };
}

/// The published models that are known here: SAM 2 and 2.1 (Ravi et al. 2024) as its authors offer them.
///
/// They offer no digests. These are the ones by which Hugging Face stores the files of facebook/sam2-hiera-* and
/// facebook/sam2.1-hiera-*, and which micro-sam checks (`micro_sam/v2/util.py`; SAM 2 in its earlier versions).
pub const PUBLISHED: [Published; 8] = [
    sam2!(
        "2.1",
        "tiny",
        "092824",
        "sam2.1_hiera_tiny.pt",
        156_008_466,
        "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69"
    ),
    sam2!(
        "2.1",
        "small",
        "092824",
        "sam2.1_hiera_small.pt",
        184_416_285,
        "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38"
    ),
    sam2!(
        "2.1",
        "base-plus",
        "092824",
        "sam2.1_hiera_base_plus.pt",
        323_606_802,
        "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5"
    ),
    sam2!(
        "2.1",
        "large",
        "092824",
        "sam2.1_hiera_large.pt",
        898_083_611,
        "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318"
    ),
    sam2!(
        "2",
        "tiny",
        "072824",
        "sam2_hiera_tiny.pt",
        155_906_050,
        "65b50056e05bcb13694174f51bb6da89c894b57b75ccdf0ba6352c597c5d1125"
    ),
    sam2!(
        "2",
        "small",
        "072824",
        "sam2_hiera_small.pt",
        184_309_650,
        "95949964d4e548409021d47b22712d5f1abf2564cc0c3c765ba599a24ac7dce3"
    ),
    sam2!(
        "2",
        "base-plus",
        "072824",
        "sam2_hiera_base_plus.pt",
        323_493_298,
        "d0bb7f236400a49669ffdd1be617959a8b1d1065081789d7bbff88eded3a8071"
    ),
    sam2!(
        "2",
        "large",
        "072824",
        "sam2_hiera_large.pt",
        897_952_466,
        "7442e4e9b732a508f80e141e7c2913437a3610ee0c77381a66658c3a445df87b"
    ),
];

impl Published {
    /// The published model of this name.
    #[must_use]
    pub fn named(name: &Path) -> Option<&'static Self> {
        PUBLISHED.iter().find(|published| Path::new(published.name) == name)
    }

    /// The name of its file.
    #[must_use]
    pub fn file_name(&self) -> &'static str {
        self.url.rsplit('/').next().unwrap_or(self.name)
    }

    /// Where it lies once it was got; `None` if it was not, or the user has no folder for data.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        Some(folder().ok()?.join(self.file_name())).filter(|path| path.is_file())
    }

    /// Downloads the model into a folder, that of the user's data if none is given, from its authors or from a mirror, and
    /// checks that it is the one that they published. What is there is left. Gives its path.
    ///
    /// # Errors
    /// As [`Download::to`]; also if the folder cannot be made.
    pub fn get(&self, from: Option<&str>, out: Option<&Path>, progress: &dyn Progress) -> Result<PathBuf, Error> {
        let path = self.place(out)?;
        let download = Download { url: from.unwrap_or(self.url), n_bytes: self.n_bytes, sha256: self.sha256 };
        download.to(&path, progress)?;
        Ok(path)
    }

    /// Takes in a file of one of the published models that was got by other means: copies it to where [`Published::get`] puts
    /// it, and checks that it is the one that its authors published. Gives the model and the path of the copy.
    ///
    /// # Errors
    /// If it is none of them, or cannot be read or written.
    pub fn take(file: &Path, out: Option<&Path>) -> Result<(&'static Self, PathBuf), Error> {
        let read = |source| sparkwave_io::Error::Io { operation: "read", path: file.to_path_buf(), source };
        let n_bytes = std::fs::metadata(file).map_err(read)?.len();
        let published = PUBLISHED.iter().find(|published| published.n_bytes == n_bytes);
        let published = published.ok_or_else(|| unknown(file, &format!("{n_bytes} bytes")))?;
        Ok((published, published.copy(file, out)?))
    }

    /// Checks that a file is the one that its authors published.
    ///
    /// # Errors
    /// If it is another, or cannot be read.
    pub fn verify(&self, file: &Path) -> Result<(), Error> {
        let found = input_record(file, &|| false)?.sha256;
        if found == self.sha256 {
            return Ok(());
        }
        let message = format!("expected what its authors published, of SHA-256 {}, found {found}", self.sha256);
        Err(Error::Config { path: file.to_path_buf(), message })
    }

    fn copy(&self, file: &Path, out: Option<&Path>) -> Result<PathBuf, Error> {
        let path = self.place(out)?;
        let read = |source| sparkwave_io::Error::Io { operation: "read", path: file.to_path_buf(), source };
        let mut from = File::open(file).map_err(read)?;
        let mut to = AtomicFile::create(&path)?;
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let n = from.read(&mut buffer).map_err(read)?;
            if n == 0 {
                break;
            }
            digest.update(&buffer[..n]);
            let write = |source| sparkwave_io::Error::Io { operation: "write", path: path.clone(), source };
            to.write_all(&buffer[..n]).map_err(write)?;
        }
        let found = hex(&digest.finalize());
        if found != self.sha256 {
            return Err(unknown(file, &format!("SHA-256 {found}")));
        }
        to.finish()?;
        Ok(path)
    }

    /// Where its file belongs in a folder, that of the user's data if none is given; the folder is made.
    fn place(&self, out: Option<&Path>) -> Result<PathBuf, Error> {
        let folder = out.map_or_else(folder, |out| Ok(out.to_path_buf()))?;
        std::fs::create_dir_all(&folder).map_err(|source| sparkwave_io::Error::Io {
            operation: "create",
            path: folder.clone(),
            source,
        })?;
        Ok(folder.join(self.file_name()))
    }
}

fn unknown(file: &Path, found: &str) -> Error {
    let message = format!(
        "expected one of the published models, found {found}; a checkpoint that was trained on is given as it is, by \
         `propagate --model FILE`, and one of a detector is given a card, by `models import FILE --out FILE`"
    );
    Error::Config { path: file.to_path_buf(), message }
}

/// The file of a model that is named or is a file.
///
/// # Errors
/// If it is the name of a published model that was not got yet, or neither a file nor a name.
pub fn locate(model: &Path) -> Result<PathBuf, Error> {
    match Published::named(model) {
        Some(published) if !model.exists() => published.path().ok_or_else(|| {
            let megabytes = published.n_bytes / 1_000_000;
            let name = published.name;
            let message = format!("it is not here yet; `sparkwave models get {name}` downloads it ({megabytes} MB)");
            Error::Config { path: model.to_path_buf(), message }
        }),
        None if is_bare_name(model) && !model.exists() => Err(no_such(model)),
        _ => Ok(model.to_path_buf()),
    }
}

/// Whether it looks like a name, not like a file; `sam2.1-tiny` has an extension as paths go.
pub(super) fn is_bare_name(model: &Path) -> bool {
    model.components().count() == 1 && model.extension().is_none_or(|e| e.to_string_lossy().contains('-'))
}

/// The error of a name that nothing has.
pub(super) fn no_such(model: &Path) -> Error {
    let message =
        "there is no file and no model of this name; `sparkwave models list` names those that there are".into();
    Error::Config { path: model.to_path_buf(), message }
}

/// Where models that were downloaded lie: `sparkwave/models` among the user's data.
fn folder() -> Result<PathBuf, Error> {
    let data = etcetera::choose_base_strategy().map(|strategy| strategy.data_dir());
    data.map(|data| data.join("sparkwave").join("models")).map_err(|e| Error::Parameter {
        name: "--out",
        expected: "a folder, as this user has none of their own",
        found: e.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_names_every_published_model_once() {
        let each = |value: &dyn Fn(&Published) -> String| PUBLISHED.iter().map(value).collect::<BTreeSet<_>>().len();
        assert_eq!((each(&|p| p.name.into()), each(&|p| p.url.into()), each(&|p| p.sha256.into())), (8, 8, 8));
        assert!(PUBLISHED.iter().all(|p| p.sha256.len() == 64 && p.n_bytes > 100_000_000));
        let tiny = Published::named(Path::new("sam2.1-hiera-tiny")).expect("known");
        assert_eq!(tiny.file_name(), "sam2.1_hiera_tiny.pt");
        assert!(Published::named(Path::new("unet")).is_none());
        // By its size alone a file of another model is told from them.
        let sizes: BTreeSet<u64> = PUBLISHED.iter().map(|p| p.n_bytes).collect();
        assert_eq!(sizes.len(), 8);
        assert_eq!(locate(Path::new("some/file.pt")).expect("a file"), Path::new("some/file.pt"));
    }

    #[test]
    fn a_file_that_is_here_is_taken_in_if_it_is_the_published_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (file, out) = (folder.path().join("mine.pt"), folder.path().join("models"));
        std::fs::write(&file, b"abc").expect("writable");
        // FIPS 180-2, appendix B.1.
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let published = Published { n_bytes: 3, sha256, ..PUBLISHED[0] };
        let path = published.copy(&file, Some(&out)).expect("the same");
        assert_eq!(path, out.join("sam2.1_hiera_tiny.pt"));
        assert_eq!(std::fs::read(&path).expect("there"), b"abc");
        published.verify(&path).expect("whole");
        std::fs::write(&file, b"abd").expect("writable");
        assert!(published.verify(&file).expect_err("another").to_string().contains("found a52d"));
        assert!(published.copy(&file, Some(&out)).expect_err("another").to_string().contains("found SHA-256 a52d"));
        assert_eq!(std::fs::read(&path).expect("left as it was"), b"abc");
        assert_eq!(std::fs::read_dir(&out).expect("a folder").count(), 1, "nothing is left behind");
        assert!(Published::take(&file, Some(&out)).expect_err("too small").to_string().contains("found 3 bytes"));
    }
}
