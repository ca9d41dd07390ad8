#!/bin/sh
# Makes mask-track.safetensors again, from nothing but a seed. About forty minutes on one core. The same bytes come out wherever the
# instruction set of the kernels (AVX-512, AVX2 or neither) is the same, at any number of threads.
# The best of its validations was that after 2,700 steps. They were made before `mask_track/rivals.rs`, which takes part in them now: the
# choice of the step may differ.
#
#     crates/sparkwave/models/mask-track.sh FOLDER
set -eu
work=$1
mkdir -p "$work"
sparkwave() { cargo run --release -p sparkwave-cli --bin sparkwave -- "$@"; }

sparkwave train mask-track -o "$work/mask-track" --recordings 256 --shapes 200 --steps 3600 --checkpoint-every 300 --seed 1
cp "$work/mask-track/best.safetensors" "$work/mask-track.safetensors"
