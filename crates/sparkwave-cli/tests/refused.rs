//! What the system refuses: a full disk, protected folders. One sentence, status 1, nothing half written.

use crate::{contents, movie, run, sparkwave, stderr, text};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// Runs the program with a limit on the length of the files that it writes, in blocks of 512 bytes (1024 in some
/// shells). Beyond it a write fails as it does on a full disk; the signal that comes with it is ignored.
fn limited(blocks: usize, args: &[&str]) -> Output {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    Command::new("sh").args(["-c", &script, env!("CARGO_BIN_EXE_sparkwave")]).args(args).output().unwrap()
}

/// The only line on stderr, which must be an error with status 1 that speaks of `path`.
fn the_error(output: &Output, path: &Path) -> String {
    let message = stderr(output);
    assert_eq!((output.status.code(), message.lines().count()), (Some(1), 1), "{message}");
    assert!(message.starts_with("error: ") && message.contains(text(path)), "{message}");
    assert!(!message.contains(".part"), "a temporary name: {message}");
    message
}

fn names(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn no_format_leaves_a_half_file_on_a_full_disk() {
    let temporary = tempfile::tempdir().unwrap();
    let movie = movie();
    let one = temporary.path().join("one frame");
    let frame = ["simulate", "sparks", "-o", text(&one), "--frames", "1", "--height", "128", "--width", "128"];
    assert!(sparkwave(&frame).status.success());
    let one = one.join("movie.tif");
    let place = temporary.path().join("out");
    std::fs::create_dir(&place).unwrap();
    let cases = [
        ("a.tif", "none"),
        ("a.tif", "deflate"),
        ("a.ome.tif", "none"),
        ("a.h5", "none"),
        ("a.h5", "deflate"),
        ("a.zarr", "none"),
        ("a.zarr", "zstd"),
        ("a.gif", "none"),
        ("frames", "none"),
        ("a.png", "none"),
    ];
    for (name, packing) in cases {
        let input = if name == "a.png" { &one } else { &movie };
        let target = place.join(name);
        let output = limited(8, &["convert", text(input), text(&target), "--compression", packing, "--quiet"]);
        let message = the_error(&output, &target);
        assert!(message.contains("write"), "{message}");
        assert_eq!(names(&place), [] as [&str; 0], "{name} {packing}");
    }
}

#[test]
fn a_run_on_a_full_disk_keeps_whole_files_and_can_be_resumed() {
    let temporary = tempfile::tempdir().unwrap();
    let (whole, broken) = (temporary.path().join("whole"), temporary.path().join("broken"));
    let options = ["--parquet"];
    assert!(run(&whole, &options).status.success());
    let expected = contents(&whole);
    let movie = movie();
    let args = [&["sparks", "run", text(&movie), "-o", text(&broken), "--resume", "--quiet"], &options[..]].concat();
    let mut failed = Vec::new();
    for blocks in [0, 1, 4, 16, 40, 100, 400, 1500] {
        let output = limited(blocks, &args);
        if output.status.success() {
            break;
        }
        failed.push(the_error(&output, &broken));
        for (name, bytes) in contents(&broken) {
            assert_eq!(expected.get(&name), Some(&bytes), "{name} with files of at most {blocks} blocks");
        }
        assert!(!broken.join("run.json").exists());
    }
    failed.dedup();
    assert!(failed.len() > 2, "{failed:?}");
    assert!(run(&broken, &[&options[..], &["--resume"]].concat()).status.success());
    assert_eq!(contents(&broken), expected);
}

#[test]
fn no_simulation_is_half_written() {
    let temporary = tempfile::tempdir().unwrap();
    let out = temporary.path().join("simulation");
    let output = limited(8, &["simulate", "sparks", "-o", text(&out), "--frames", "30", "--quiet"]);
    the_error(&output, &out.join("movie.tif"));
    assert_eq!(names(&out), ["run.toml"]);
}

/// Runs the program without the rights of the superuser; `None` where that cannot be arranged.
fn unprivileged(args: &[&str]) -> Option<Output> {
    let program = env!("CARGO_BIN_EXE_sparkwave");
    let is_root = Command::new("id").arg("-u").output().ok()?.stdout.starts_with(b"0\n");
    let command = || {
        let mut command = Command::new(if is_root { "setpriv" } else { program });
        if is_root {
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", program]);
        }
        command
    };
    // The program may lie in a folder that others cannot enter.
    command().arg("--version").output().ok().filter(|output| output.status.success())?;
    Some(command().args(args).output().unwrap())
}

#[test]
fn protected_folders_and_files_are_one_clear_sentence() {
    let temporary = tempfile::tempdir().unwrap();
    let here = temporary.path();
    let mode = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    let (readable, secret, protected) = (here.join("movie.tif"), here.join("secret.tif"), here.join("只读 protected"));
    std::fs::copy(movie(), &readable).unwrap();
    std::fs::copy(movie(), &secret).unwrap();
    std::fs::create_dir(&protected).unwrap();
    for (path, bits) in [(here, 0o755), (readable.as_path(), 0o644), (&secret, 0o000), (&protected, 0o555)] {
        mode(path, bits);
    }

    let below = protected.join("new/deep");
    let mut cases = vec![
        (vec!["info", text(&secret)], secret.clone()),
        (vec!["sparks", "run", text(&secret), "-o", text(&below)], secret.clone()),
        (vec!["sparks", "run", text(&readable), "-o", text(&protected)], protected.clone()),
        (vec!["sparks", "run", text(&readable), "-o", text(&protected), "--overwrite"], protected.clone()),
        (vec!["sparks", "run", text(&readable), "-o", text(&below)], below.clone()),
        (vec!["simulate", "sparks", "-o", text(&below)], below.clone()),
        (vec!["demo", "-o", text(&below)], below.clone()),
        (vec!["evaluate", "detection", "--truth", text(&secret), "--pred", text(&secret)], secret.clone()),
    ];
    let targets = ["a.tif", "a.h5", "a.zarr", "a.gif", "frames"].map(|name| protected.join(name));
    for target in &targets {
        cases.push((vec!["convert", text(&readable), text(target), "--quiet"], target.clone()));
    }
    for (args, path) in cases {
        // Skipped where there is no way to run without the rights of the superuser.
        let Some(output) = unprivileged(&args) else { return };
        let message = stderr(&output);
        let last = message.lines().last().unwrap_or_default();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {message}");
        assert!(last.starts_with("error: ") && last.contains(text(&path)), "{args:?}: {message}");
        assert!(last.contains("denied") && !last.contains(".part"), "{args:?}: {message}");
    }
    assert_eq!(names(&protected), [] as [&str; 0]);
    mode(&protected, 0o755);
}
