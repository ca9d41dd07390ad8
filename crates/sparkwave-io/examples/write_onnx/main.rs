//! Writes networks that between them have every operator, for `tests/reference/check_onnx.py` to run:
//! `cargo run -p sparkwave-io --example write_onnx -- FOLDER`.

mod graphs;

use std::path::PathBuf;

fn main() -> Result<(), sparkwave_io::Error> {
    let folder = PathBuf::from(std::env::args_os().nth(1).expect("the folder to write to"));
    for (graph, weights) in [graphs::small(), graphs::attention()] {
        sparkwave_io::onnx::write(&graph, &weights, &folder.join(format!("{}.onnx", graph.name)))?;
    }
    Ok(())
}
