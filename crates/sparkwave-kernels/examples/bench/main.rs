//! Times the kernels: milliseconds of each layer, and GFLOP/s at the fastest, of the published networks.
//!
//! ```sh
//! cargo run --release -p sparkwave-kernels --example bench                      # all cases
//! cargo run --release -p sparkwave-kernels --example bench conv:8:8:64x64x64:1:forward
//! ```
//!
//! With `-`, it reads lines `case repetitions` and answers each with a line of milliseconds, the last being
//! processor time:
//! `tests/reference/bench_torch.py` runs it so, in turns with PyTorch. `SPARKWAVE_ISA=avx2` or `portable` chooses other
//! instructions, `SPARKWAVE_THREADS` another number than 2. On a busy machine the processor time tells most.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod layers;
mod tokens;
mod train;
mod unet;

use sparkwave_kernels::Isa;
use std::io::BufRead;
use std::time::Instant;

/// Something to time.
pub(crate) struct Case {
    run: Box<dyn FnMut() + Send>,
    /// Multiplications and additions, without those with zeros beyond the volume left out.
    flop: f64,
}

const LAYERS: [&str; 10] = [
    "1:8:64x64x64:1",
    "8:8:64x64x64:1",
    "16:8:64x64x64:1",
    "16:16:32x32x32:1",
    "32:32:32x32x32:1",
    "64:64:16x16x16:1",
    "64:64:8x8x8:1",
    "128:128:4x4x4:1",
    "128:128:4x4x4:8",
    "8:8:32x32x32:8",
];

fn isa() -> Isa {
    let name = std::env::var("SPARKWAVE_ISA").unwrap_or_default();
    Isa::available().into_iter().find(|isa| isa.name() == name).unwrap_or_else(Isa::best)
}

fn case(name: &str) -> Case {
    let (kind, rest) = name.split_once(':').unwrap();
    match kind {
        "unet" => unet::inference(isa(), rest),
        "train" => train::step(isa(), rest),
        "attention" | "layer_norm" | "gelu" => {
            tokens::case(isa(), &rest.split(':').map(|n| n.parse().unwrap()).collect::<Vec<usize>>())
        }
        _ => layers::case(isa(), kind, rest),
    }
}

/// Milliseconds of each repetition.
fn time(case: &mut Case, repetitions: usize) -> Vec<f64> {
    let once = |_| {
        let start = Instant::now();
        (case.run)();
        start.elapsed().as_secs_f64() * 1e3
    };
    (0..repetitions).map(once).collect()
}

fn print(name: &str) {
    let mut case = case(name);
    time(&mut case, 3);
    let before = processor_ms();
    let mut ms = time(&mut case, 25);
    let of_processor = (processor_ms() - before) / ms.len() as f64;
    ms.sort_by(f64::total_cmp);
    let (fastest, median) = (ms[0], ms[ms.len() / 2]);
    let [wall, processor] = [fastest, of_processor].map(|ms| case.flop / ms / 1e6);
    println!("{name:36} {median:9.3} {fastest:9.3} {of_processor:9.3} ms {wall:7.1} {processor:7.1} GFLOP/s");
}

/// Time that the threads of this program have spent on processors, where Linux tells.
fn processor_ms() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let times = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok());
    times.filter_map(|text| text.split(' ').next()?.parse::<f64>().ok()).sum::<f64>() / 1e6
}

fn answer() {
    let mut last: Option<(String, Case)> = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let (name, repetitions) = line.split_once(' ').unwrap();
        let (_, case) = match last.take() {
            Some((known, case)) if known == name => last.insert((known, case)),
            _ => last.insert((name.to_owned(), case(name))),
        };
        let before = processor_ms();
        let mut ms = time(case, repetitions.trim().parse().unwrap());
        ms.push((processor_ms() - before) / ms.len() as f64);
        println!("{}", ms.iter().map(f64::to_string).collect::<Vec<_>>().join(" "));
    }
}

fn main() {
    let threads = std::env::var("SPARKWAVE_THREADS").map_or(2, |n| n.parse().unwrap());
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().unwrap();
    let names: Vec<String> = std::env::args().skip(1).collect();
    if names == ["-"] {
        return answer();
    }
    println!(
        "{}, {threads} threads: median, fastest, processor time; rate of the fastest and of a processor",
        isa().name()
    );
    if !names.is_empty() {
        return names.iter().for_each(|name| print(name));
    }
    for layer in LAYERS {
        for pass in ["forward", "input", "weight"] {
            print(&format!("conv:{layer}:{pass}"));
        }
    }
    for pass in ["forward", "input", "weight"] {
        print(&format!("up:16:8:16x16x16:8:{pass}"));
        print(&format!("up2:16:8:16x16x16:8:{pass}"));
    }
    for (kind, pass) in ["norm", "pool"].into_iter().flat_map(|k| ["forward", "backward"].map(|p| (k, p))) {
        print(&format!("{kind}:8:32x32x32:8:{pass}"));
    }
    // Memories, a stage of the image encoder as a whole and in windows, and what surrounds them, of SAM 2.
    print("attention:1:1:4096:28736:256:64");
    print("attention:1:4:4096:4096:96:96");
    print("attention:1024:1:64:64:96:96");
    print("attention:25:4:196:196:96:96");
    print("layer_norm:65536:96");
    print("gelu:16777216");
    for net in ["small:64x64x64:1", "published:64x64x64:1"] {
        print(&format!("unet:{net}"));
    }
    print("train:small:32x32x32:8");
}
