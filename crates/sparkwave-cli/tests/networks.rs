//! Networks and training files, as users meet them.

use super::{movie, recording, sparkwave, stderr, text};
use std::path::Path;

fn json(args: &[&str]) -> serde_json::Value {
    let output = sparkwave(args);
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_shipped_network_is_listed_shown_verified_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let listed = json(&["models", "list", "--json"]);
    assert_eq!(listed["models"][0]["name"], "unet");
    let shown = json(&["models", "show", "unet", "--json"]);
    assert_eq!(shown["card"]["architecture"]["kind"], "unet3d");
    assert!(shown["card"]["threshold"].is_number() && shown["n_parameters"].as_u64().unwrap() > 50_000);
    assert_eq!(json(&["models", "verify", "unet", "--json"])["probed"], true);

    let copy = folder.path().join("副本.safetensors");
    assert!(sparkwave(&["models", "export", "unet", "-o", text(&copy)]).status.success());
    assert_eq!(json(&["models", "show", text(&copy), "--json"])["card"], shown["card"]);
    let graph = folder.path().join("unet.onnx");
    assert!(sparkwave(&["models", "export", "unet", "-o", text(&graph)]).status.success());
    assert!(std::fs::metadata(&graph).unwrap().len() > 100_000);
    let output = sparkwave(&["models", "export", "unet", "-o", "unet.pb"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));

    let mut bytes = std::fs::read(&copy).unwrap();
    let last = bytes.len() - 40;
    bytes[last..].fill(0x3f);
    std::fs::write(&copy, &bytes).unwrap();
    let output = sparkwave(&["models", "verify", text(&copy)]);
    assert!(!output.status.success() && stderr(&output).contains("probe"), "{}", stderr(&output));
    std::fs::write(&copy, &bytes[..1000]).unwrap();
    let output = sparkwave(&["models", "show", text(&copy)]);
    assert!(!output.status.success() && stderr(&output).contains("safetensors"), "{}", stderr(&output));
}

#[test]
fn predict_keeps_the_probabilities_from_which_events_come() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let output = sparkwave(&["predict", text(&movie()), "-o", text(&out), "--quiet"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let probability = json(&["info", text(&out.join("probability.tif")), "--json"]);
    assert_eq!(probability["shape"], json(&["info", text(&movie()), "--json"])["shape"]);
    let events = std::fs::read_to_string(out.join("events.csv")).unwrap();
    assert!(events.lines().count() > 3, "{events}");
    let run = std::fs::read_to_string(out.join("run.toml")).unwrap();
    assert!(run.contains("model = \"unet\""), "{run}");

    let output =
        sparkwave(&["sparks", "run", text(&movie()), "-o", text(&out), "--keep", "probability", "--detector", "idt"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
#[cfg(not(feature = "gpu"))]
fn a_program_built_for_the_processor_says_how_to_get_a_graphics_card() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let output = sparkwave(&["predict", text(&movie()), "-o", text(&out), "--device", "gpu", "--quiet"]);
    assert!(!output.status.success() && !out.exists());
    assert!(stderr(&output).contains("--features gpu"), "{}", stderr(&output));
    // What has no network has no such choice.
    let output = sparkwave(&["simulate", "sparks", "-o", text(&out), "--device", "gpu"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn runs_and_verdicts_become_a_training_file_whose_folds_share_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    let simulate = ["simulate", "sparks", "-o", text(&other), "--frames", "100", "--height", "64", "--width", "80"];
    assert!(sparkwave(&[&simulate[..], &["--seed", "8", "--quiet"]].concat()).status.success());
    let run = |movie: &Path, name: &str| {
        let out = folder.path().join(name);
        let output = sparkwave(&["sparks", "run", text(movie), "-o", text(&out), "--detector", "matched", "--quiet"]);
        assert!(output.status.success(), "{}", stderr(&output));
        out
    };
    let (a, b) = (run(&movie(), "a"), run(&other.join("movie.tif"), "b"));
    let events = std::fs::read_to_string(a.join("events.csv")).unwrap();
    let n_events = events.lines().count() - 1;
    assert!(n_events >= 3, "{events}");
    std::fs::write(a.join("verdicts.csv"), "event_id,verdict\n1,reject\n2,unsure\n3,accept\n").unwrap();
    let origins = folder.path().join("recordings.csv");
    std::fs::write(&origins, "run,animal,neuron\na,mouse 1,7\nb,mouse 2,7\n").unwrap();
    let data = folder.path().join("data.h5");
    let build = ["dataset", "build", text(&a), text(&b), "-o", text(&data), "--recordings", text(&origins), "--quiet"];
    let built = json(&[&build[..], &["--valid", "0.5", "--json"]].concat());
    assert_eq!(built["n_left_out"], 2);
    assert_eq!((&built["train"]["n_recordings"], &built["valid"]["n_recordings"]), (&1.into(), &1.into()));

    let info = json(&["dataset", "info", text(&data), "--json"]);
    let streams = info["streams"].as_array().unwrap();
    let of_a = streams.iter().find(|s| s["animal"] == "mouse 1").unwrap();
    assert_eq!(of_a["n_events"].as_u64().unwrap() as usize, n_events - 2);
    assert_eq!(info["leaks"], serde_json::json!([]));

    let split = folder.path().join("split.h5");
    let output = sparkwave(&["dataset", "split", text(&data), "-o", text(&split), "--valid", "0.01", "--seed", "3"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let again = json(&["dataset", "info", text(&split), "--json"]);
    let n = |info: &serde_json::Value| -> u64 {
        info["streams"].as_array().unwrap().iter().map(|s| s["n_events"].as_u64().unwrap()).sum()
    };
    assert_eq!(n(&again), n(&info));

    // The same pixels under another name.
    let copy = folder.path().join("copy.h5::movie");
    assert!(sparkwave(&["convert", text(&recording().join("movie.tif")), text(&copy), "--quiet"]).status.success());
    let twin = run(&copy, "twin");
    let twice = folder.path().join("twice.h5");
    let output = sparkwave(&["dataset", "build", text(&a), text(&twin), "-o", text(&twice), "--quiet"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("same pixels") && !twice.exists(), "{}", stderr(&output));
    std::fs::write(a.join("verdicts.csv"), "event_id,verdict\n1,maybe\n").unwrap();
    let output = sparkwave(&["dataset", "build", text(&a), "-o", text(&twice), "--quiet"]);
    assert!(!output.status.success() && stderr(&output).contains("maybe") && !twice.exists(), "{}", stderr(&output));
}

#[test]
fn published_models_are_listed_and_what_is_no_such_model_is_not_kept() {
    use std::io::{Read, Write};
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sparkwave"));
        command.args(args).env("XDG_DATA_HOME", folder.path()).output().unwrap()
    };
    let listed = run(&["models", "list"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("sam2.1-hiera-tiny") && listed.contains("models get sam2.1-hiera-tiny"), "{listed}");
    assert_eq!(run(&["models", "get", "sam9"]).status.code(), Some(2));
    let told = stderr(&run(&["models", "verify", "sam2.1-hiera-tiny"]));
    assert!(told.contains("sparkwave models get sam2.1-hiera-tiny"), "{told}");
    let prompts = folder.path().join("p.json");
    std::fs::write(
        &prompts,
        r#"{"frames": 150, "prompts": [{"frame": 0, "object": 1, "points": [{"y": 9, "x": 9}]}]}"#,
    )
    .unwrap();
    let out = folder.path().join("out");
    let follow = |model: &str| {
        run(&["propagate", text(&movie()), "--prompts", text(&prompts), "--model", model, "-o", text(&out), "--quiet"])
    };
    let told = stderr(&follow("sam2.1-hiera-tiny"));
    assert!(told.contains("sparkwave models get sam2.1-hiera-tiny") && !out.exists(), "{told}");

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/sam2.1_hiera_tiny.pt", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
    let output = run(&["models", "get", "sam2.1-hiera-tiny", "--from", &url, "--quiet"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&url) && stderr(&output).contains("status 404"), "{}", stderr(&output));
    assert!(!folder.path().join("sparkwave/models/sam2.1_hiera_tiny.pt").exists());
}

#[test]
fn a_propagation_is_repeated_from_its_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let prompts = r#"{"frames": 150, "prompts": [{"frame": 1, "object": 1, "points": [{"y": 9, "x": 9}]}]}"#;
    std::fs::write(at("p.json"), prompts).unwrap();
    let run = |args: &[&str]| {
        let output = sparkwave(&[&["propagate", "--quiet"], args].concat());
        assert!(output.status.success(), "{}", stderr(&output));
    };
    let (out, again, other) = (at("out"), at("again"), at("other"));
    let first = [text(&movie()).to_owned(), text(&at("p.json")).to_owned()];
    run(&[&first[0], "--prompts", &first[1], "--last", "3", "--fill", "2", "--parquet", "-o", text(&out)]);
    let toml = out.join("run.toml");
    run(&["--config", text(&toml), "-o", text(&again)]);
    for name in ["run.toml", "objects.csv", "objects.parquet", "frames.parquet", "labels.tif"] {
        let read = |of: &std::path::Path| std::fs::read(of.join(name)).unwrap();
        assert!(read(&out) == read(&again), "{name} differs");
    }
    run(&["--config", text(&toml), "--last", "2", "-o", text(&other)]);
    let rows = std::fs::read_to_string(other.join("objects.csv")).unwrap();
    assert_eq!(rows.lines().count(), 1 + 3);
    assert_eq!(sparkwave(&["propagate", "-o", text(&at("none"))]).status.code(), Some(2));
}
