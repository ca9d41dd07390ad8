#!/usr/bin/env bash
# Prints the instructions of every kernel of crates/sparkwave-imgproc/examples/kernels.rs, without the cost of setting up.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --quiet --release -p sparkwave-imgproc --example kernels
program="${CARGO_TARGET_DIR:-target}/release/examples/kernels"
count() {
    RAYON_NUM_THREADS=1 valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}
none=$(count none)
for kernel in arpls matched displacement resample; do
    echo "$kernel $(($(count "$kernel") - none))"
done
