//! A file from the network: whole, with the digest that it should have, or not at all.
//!
//! Bytes wait in a hidden file beside the final one ([`AtomicFile::resume`]), so that a download that was broken off goes on
//! where it ended, in the same call or a later one (HTTP range requests, RFC 9110 section 14).

use crate::atomic::{AtomicFile, part_of};
use crate::error::Error;
use sha2::{Digest, Sha256};
use sparkwave_core::progress::{Cancelled, Progress};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

/// What is to be fetched. Size and digest say whether it is what was asked for, wherever it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Download<'a> {
    /// Where it is: `https://` or `http://`.
    pub url: &'a str,
    /// Its size in bytes.
    pub n_bytes: u64,
    /// Its SHA-256 in hexadecimal, lower case.
    pub sha256: &'a str,
}

/// Tries in a row that bring nothing.
const TRIES: u32 = 4;
/// The wait before a try is as many of these as tries brought nothing.
const PAUSE: Duration = Duration::from_millis(500);
/// A server that says nothing for so long is given up.
const SILENCE: Duration = Duration::from_secs(30);
/// Progress is told in these steps.
const MEGABYTE: u64 = 1_000_000;

/// Why a try ended before the file was complete.
enum Broken {
    /// The connection: what came so far is kept, and another try may bring the rest.
    Off(String),
    /// There is nothing to be had here.
    Refused(Error),
}

impl Download<'_> {
    /// Fetches the file. One that is there with the right digest is left as it is.
    ///
    /// # Errors
    /// If the server cannot be reached or says no, the connection breaks several times in a row without bringing anything,
    /// the user cancels (what came is kept for the next time), the file cannot be written, or its size or digest is another
    /// (what came is dropped).
    pub fn to(&self, path: &Path, progress: &dyn Progress) -> Result<(), Error> {
        if path.is_file() && digest(path)? == self.sha256 {
            return Ok(());
        }
        let mut file = AtomicFile::resume(path)?;
        let mut have = std::fs::metadata(part_of(path)).map_or(0, |m| m.len());
        if have > self.n_bytes {
            file.keep(0)?;
            have = 0;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        progress.begin(&format!("{name}, MB"), self.n_bytes / MEGABYTE);
        progress.advance(have / MEGABYTE);
        let mut in_vain = 0;
        while have < self.n_bytes {
            let before = have;
            let end = self.fetch(path, &mut file, &mut have, progress);
            file.sync()?;
            match end {
                Ok(()) => {}
                Err(Broken::Refused(error)) => return Err(error),
                Err(Broken::Off(why)) => {
                    in_vain = if have > before { 0 } else { in_vain + 1 };
                    if in_vain == TRIES {
                        let expected = format!("{} bytes", self.n_bytes);
                        return Err(self.failed(expected, format!("{have}, then {why}")));
                    }
                    std::thread::sleep(PAUSE * in_vain);
                }
            }
        }
        let found = digest(&part_of(path)).map_err(|e| e.about(path))?;
        if found != self.sha256 {
            file.keep(0)?;
            file.sync()?;
            return Err(self.failed(format!("a file of SHA-256 {}", self.sha256), found));
        }
        file.finish()
    }

    fn failed(&self, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::refused("download", self.url, expected, found)
    }

    /// Appends what one connection brings.
    fn fetch(&self, path: &Path, file: &mut AtomicFile, have: &mut u64, progress: &dyn Progress) -> Result<(), Broken> {
        let refused = |expected: &str, found: String| Broken::Refused(self.failed(expected, found));
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(SILENCE))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .user_agent(concat!("sparkwave/", env!("CARGO_PKG_VERSION")));
        let request = config.build().new_agent().get(self.url).header("range", format!("bytes={have}-"));
        let response = request.call().map_err(|e| match e {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                refused("an address such as https://host/file", e.to_string())
            }
            other => Broken::Off(other.to_string()),
        })?;
        match response.status().as_u16() {
            206 if starts_at(&response) == Some(*have) => {}
            // A server without ranges begins anew.
            200 => {
                file.keep(0).map_err(Broken::Refused)?;
                *have = 0;
            }
            status @ (408 | 429 | 500..=599) => return Err(Broken::Off(format!("status {status}"))),
            206 => return Err(refused("the bytes that were asked for", "others".into())),
            status => return Err(refused("a file", format!("status {status}"))),
        }
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; 1 << 16];
        while *have < self.n_bytes {
            if progress.is_cancelled() {
                return Err(Broken::Refused(Cancelled.into()));
            }
            let n = match body.read(&mut buffer) {
                Ok(0) => return Err(Broken::Off("the end of the connection".into())),
                Ok(n) => n,
                Err(error) => return Err(Broken::Off(error.to_string())),
            };
            file.write_all(&buffer[..n]).map_err(|e| Broken::Refused(Error::io("write", path, e)))?;
            progress.advance((*have + n as u64) / MEGABYTE - *have / MEGABYTE);
            *have += n as u64;
        }
        if *have > self.n_bytes {
            file.keep(0).map_err(Broken::Refused)?;
            return Err(refused(&format!("{} bytes", self.n_bytes), "more".into()));
        }
        Ok(())
    }
}

/// The first byte of a partial answer.
fn starts_at(response: &ureq::http::Response<ureq::Body>) -> Option<u64> {
    let range = response.headers().get("content-range")?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

/// The SHA-256 of a file in hexadecimal, lower case.
///
/// # Errors
/// If it cannot be read.
pub fn digest(path: &Path) -> Result<String, Error> {
    let fail = |e| Error::io("read", path, e);
    let mut file = File::open(path).map_err(fail)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(fail)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            n => hash.update(&buffer[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use sparkwave_core::progress::Silent;
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::sync::mpsc::{Receiver, channel};

    /// What a server does with one connection.
    #[derive(Clone, Copy)]
    enum Manner {
        /// Sends what is asked for.
        Well,
        /// Sends so many bytes of it and hangs up.
        Cut(usize),
        /// Sends everything, whatever is asked for.
        NoRanges,
        /// Sends other bytes.
        Wrong,
        /// Says that there is no such file.
        Absent,
    }

    fn content() -> Vec<u8> {
        (0..200_000u32).flat_map(|i| (i.wrapping_mul(2_654_435_761) >> 16).to_le_bytes()).collect()
    }

    /// A server on this machine that treats connections in these ways, one after the other, and tells what was asked of it.
    fn server(manners: &[Manner]) -> (String, Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/model.pt", listener.local_addr().unwrap());
        let (told, asked) = channel();
        let manners = manners.to_vec();
        std::thread::spawn(move || {
            for manner in manners {
                let Ok((mut stream, _)) = listener.accept() else { return };
                let mut range = String::new();
                for line in BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok) {
                    if line.is_empty() {
                        break;
                    }
                    if let Some(value) = line.to_lowercase().strip_prefix("range:") {
                        range = value.trim().to_owned();
                    }
                }
                let from: usize = range.strip_prefix("bytes=").unwrap().trim_end_matches('-').parse().unwrap();
                told.send(range).unwrap();
                let all = content();
                let (status, head, body) = match manner {
                    Manner::Absent => ("404 Not Found", String::new(), Vec::new()),
                    Manner::NoRanges => ("200 OK", String::new(), all.clone()),
                    _ => {
                        let head = format!("Content-Range: bytes {from}-{}/{}\r\n", all.len() - 1, all.len());
                        ("206 Partial Content", head, all[from..].to_vec())
                    }
                };
                let length = body.len();
                let sent = match manner {
                    Manner::Cut(n) => body[..n.min(length)].to_vec(),
                    Manner::Wrong => body.iter().map(|byte| !byte).collect(),
                    _ => body,
                };
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{head}Connection: close\r\n\r\n");
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&sent));
            }
        });
        (url, asked)
    }

    fn sha256(bytes: &[u8]) -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Fetches into a folder that may hold the beginning of the file; what was asked of the server, and how it ended.
    fn fetched(begun: &[u8], manners: &[Manner]) -> (Vec<String>, Result<Vec<u8>, String>, bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("模型.pt");
        if !begun.is_empty() {
            std::fs::write(part_of(&path), begun).unwrap();
        }
        let (url, asked) = server(manners);
        let all = content();
        let download = Download { url: &url, n_bytes: all.len() as u64, sha256: &sha256(&all) };
        let done = download.to(&path, &Silent);
        let result = done.map(|()| std::fs::read(&path).unwrap()).map_err(|e| e.to_string());
        let kept = std::fs::metadata(part_of(&path)).is_ok_and(|m| m.len() > 0);
        assert_eq!(path.exists(), result.is_ok());
        if result.is_ok() {
            // It is there: nobody is asked again.
            download.to(&path, &Silent).unwrap();
        }
        (asked.try_iter().collect(), result, kept)
    }

    #[test]
    fn a_file_comes_whole_through_a_connection_that_breaks() {
        let all = content();
        let (asked, result, _) = fetched(&[], &[Manner::Cut(300_000), Manner::Cut(0), Manner::Well]);
        assert_eq!(result.as_ref(), Ok(&all));
        assert_eq!(asked[0], "bytes=0-");
        let from: Vec<usize> = asked.iter().map(|r| r[6..].trim_end_matches('-').parse().unwrap()).collect();
        assert!(from.len() == 3 && from[1] > 0 && from[1] <= 300_000 && from[2] == from[1], "{asked:?}");
    }

    #[test]
    fn a_download_goes_on_where_an_earlier_one_ended() {
        let all = content();
        let (asked, result, _) = fetched(&all[..500_001], &[Manner::Well]);
        assert_eq!((asked, result.as_ref()), (vec!["bytes=500001-".to_owned()], Ok(&all)));
        let (asked, result, _) = fetched(&all[..500_001], &[Manner::NoRanges]);
        assert_eq!((asked.len(), result.as_ref()), (1, Ok(&all)));
        // All was there, but the program ended before it was given its name.
        let (asked, result, _) = fetched(&all, &[]);
        assert_eq!((asked.len(), result.as_ref()), (0, Ok(&all)));
    }

    #[test]
    fn wrong_bytes_are_dropped_and_a_server_that_says_no_is_believed() {
        let (_, result, kept) = fetched(&[], &[Manner::Wrong]);
        let told = result.unwrap_err();
        assert!(told.contains(&sha256(&content())) && told.contains("http://127.0.0.1"), "{told}");
        assert!(!kept, "they would spoil the next try");
        let (_, result, _) = fetched(b"wrong", &[Manner::Well]);
        assert!(result.unwrap_err().contains("SHA-256"));
        let (asked, result, kept) = fetched(&content()[..7], &[Manner::Absent]);
        assert!(asked.len() == 1 && result.unwrap_err().contains("status 404") && kept);
        let (_, result, _) = fetched(&[], &[Manner::Cut(0); 4]);
        assert!(result.unwrap_err().contains("found 0"));
    }

    #[test]
    fn who_cancels_keeps_what_came() {
        struct Impatient;
        impl Progress for Impatient {
            fn begin(&self, _: &str, _: u64) {}
            fn advance(&self, _: u64) {}
            fn warn(&self, _: &str) {}
            fn is_cancelled(&self) -> bool {
                true
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.pt");
        std::fs::write(part_of(&path), &content()[..9]).unwrap();
        let (url, _asked) = server(&[Manner::Well]);
        let download = Download { url: &url, n_bytes: content().len() as u64, sha256: "" };
        assert!(matches!(download.to(&path, &Impatient), Err(Error::Cancelled(_))));
        assert_eq!(std::fs::metadata(part_of(&path)).unwrap().len(), 9);
        let odd = Download { url: "no address", n_bytes: 1, sha256: "" };
        assert!(odd.to(&path, &Silent).unwrap_err().to_string().contains("no address"));
    }
}
