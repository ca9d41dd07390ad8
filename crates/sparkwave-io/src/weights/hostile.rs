//! Checkpoints that mean no good: each is refused in one sentence that names the file and what is wrong.

use super::from_bytes;
use std::io::{Cursor, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// An archive as PyTorch writes it, of a pickle and one storage.
fn archive(pickle: &[u8], storage: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in [("model/data.pkl", pickle), ("model/byteorder", b"little"), ("model/data/0", storage)] {
        zip.start_file(name, options).expect("room");
        zip.write_all(bytes).expect("room");
    }
    zip.finish().expect("room").into_inner()
}

fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn int(n: u32) -> Vec<u8> {
    [&b"J"[..], &n.to_le_bytes()[..]].concat()
}

/// The pickle of a dictionary of one array of this length in a storage of that many numbers.
fn pickle(n: u32, offset: u32) -> Vec<u8> {
    let storage = [
        b"(".to_vec(),
        text("storage"),
        b"ctorch\nFloatStorage\n".to_vec(),
        text("0"),
        text("cpu"),
        int(n),
        b"tQ".to_vec(),
    ];
    let shape = [b"(".to_vec(), int(n), b"t(".to_vec(), int(1), b"t".to_vec()].concat();
    let array =
        [b"ctorch._utils\n_rebuild_tensor_v2\n(".to_vec(), storage.concat(), int(offset), shape, b"\x89}tR".to_vec()];
    [b"\x80\x02}(".to_vec(), text("weight"), array.concat(), b"u.".to_vec()].concat()
}

fn refusal(bytes: &[u8]) -> String {
    let error = from_bytes(bytes, Path::new("evil.pt")).expect_err("hostile").to_string();
    assert!(error.contains("evil.pt") && !error.contains('\n') && error.len() < 400, "{error}");
    error
}

#[test]
fn an_honest_one_is_read() {
    let storage: Vec<u8> = [1.0f32, 2.0, 3.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let weights = from_bytes(&archive(&pickle(3, 0), &storage), Path::new("good.pt"));
    assert_eq!(weights.expect("honest").parameters["weight"].values, [1.0, 2.0, 3.0]);
}

#[test]
fn code_is_refused_and_named() {
    let calls = [
        b"\x80\x02cos\nsystem\n(".to_vec(),
        b"\x80\x02cposix\nsystem\n(".to_vec(),
        b"\x80\x02cbuiltins\neval\n(".to_vec(),
        b"\x80\x02c__builtin__\nexec\n(".to_vec(),
        b"\x80\x02csubprocess\nPopen\n(".to_vec(),
        b"\x80\x02ctorch.hub\nload\n(".to_vec(),
        [b"\x80\x04".to_vec(), text("os"), text("system"), b"\x93(".to_vec()].concat(),
    ];
    let names =
        ["os.system", "posix.system", "builtins.eval", "exec", "subprocess.Popen", "torch.hub.load", "os.system"];
    for (call, name) in calls.into_iter().zip(names) {
        let pickled = [call, text("touch /tmp/owned"), b"tR.".to_vec()].concat();
        let error = refusal(&archive(&pickled, b""));
        assert!(error.contains(name) && error.contains("nothing of it was run"), "{error}");
    }
    // Beside arrays, and in the form of older protocols.
    let mut beside = pickle(1, 0);
    beside.truncate(beside.len() - 2);
    beside.extend([text("x"), b"cos\nsystem\n(".to_vec(), text("id"), b"tRu.".to_vec()].concat());
    assert!(refusal(&archive(&beside, &[0; 4])).contains("os.system"));
    assert!(refusal(&archive(b"cos\nsystem\n(S'id'\ntR.", b"")).contains("os.system"));
    assert!(refusal(&archive(b"(S'id'\nios\nsystem\n.", b"")).contains("opcode"));
}

#[test]
fn sizes_that_lie_are_refused() {
    // More numbers than the storage has, a place far behind its end, four thousand million of them.
    for (n, offset) in [(4, 0), (3, 1), (3, u32::MAX / 2), (i32::MAX as u32, 0), (u32::MAX, 0)] {
        let error = refusal(&archive(&pickle(n, offset), &[0; 12]));
        assert!(error.contains("weight") || error.contains("arrays"), "{error}");
    }
    // Members that are said to be compressed, as bombs are, or of four thousand million bytes: fields of the headers of an
    // archive, local ones and those of its directory.
    let honest = archive(&pickle(3, 0), &[0; 12]);
    let patched = |local: usize, directory: usize, value: &[u8]| {
        let mut bytes = honest.clone();
        for at in 0..honest.len() - 4 {
            match &honest[at..at + 4] {
                b"PK\x03\x04" => bytes[at + local..][..value.len()].copy_from_slice(value),
                b"PK\x01\x02" => bytes[at + directory..][..value.len()].copy_from_slice(value),
                _ => {}
            }
        }
        bytes
    };
    drop(refusal(&patched(8, 10, &[8, 0])));
    drop(refusal(&patched(18, 20, &[0xf0, 0xff, 0xff, 0xff, 0xf0, 0xff, 0xff, 0xff])));
}

#[test]
fn pickles_of_millions_of_values_are_refused() {
    let many = 2 << 20;
    for values in [b")".repeat(many), b"N".repeat(many), b"Nq\0".repeat(many), b"}".repeat(many)] {
        assert!(refusal(&archive(&values, b"")).contains("more than 1048576 steps"));
    }
    // Each remembered under a key of its own.
    let keys: Vec<u8> = (0..1u32 << 20).flat_map(|key| [&b"Nr"[..], &key.to_le_bytes()].concat()).collect();
    assert!(refusal(&archive(&keys, b"")).contains("steps"));
    assert!(refusal(&archive(&vec![b'N'; (16 << 20) + 1], b"")).contains("at most 16777216 bytes"));
}

#[test]
fn files_that_end_early_are_refused() {
    let whole = archive(&pickle(3, 0), &[0; 12]);
    (0..whole.len()).for_each(|n| drop(refusal(&whole[..n])));
    // The directory of the archive stands at its end; a member may be cut all the same.
    let pickled = pickle(3, 0);
    (0..pickled.len()).for_each(|n| drop(refusal(&archive(&pickled[..n], &[0; 12]))));
}

#[test]
fn headers_of_safetensors_that_lie_are_refused() {
    let file = |length: u64, header: &str| [&length.to_le_bytes()[..], header.as_bytes()].concat();
    let header =
        |shape: &str, end: u64| format!(r#"{{"w":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{end}]}}}}"#);
    for header in [
        header("[2]", 8),
        header("[4611686018427387904, 8]", 8),
        header("[-1]", 4),
        header("[1]", u64::MAX),
        "{".repeat(5000),
        "null".to_owned(),
    ] {
        drop(refusal(&file(header.len() as u64, &header)));
    }
    drop(refusal(&file(1 << 40, "{}")));
}
