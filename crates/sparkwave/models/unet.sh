#!/bin/sh
# Makes unet.safetensors again, from nothing but seeds. About an hour on two cores. The same bytes come out wherever the
# instruction set of the kernels (AVX-512, AVX2 or neither) is the same, at any number of threads.
#
#     crates/sparkwave/models/unet.sh FOLDER
set -eu
work=$1
mkdir -p "$work"
sparkwave() { cargo run --release -p sparkwave-cli --bin sparkwave -- "$@"; }

sparkwave dataset simulate -o "$work/unet.h5" --train 240 --valid 24 --frames 200 --edge 128 --seed 1
sparkwave train unet3d --data "$work/unet.h5" -o "$work/unet" --steps 4500 --batch 16 --learning-rate 2e-3 \
    --schedule cosine --pu-ratio 8 --loss bce --validate-every 1500 --checkpoint-every 500 --seed 1
sparkwave models import "$work/unet/best.safetensors" -o "$work/unet.safetensors" --name unet --licence "MIT OR Apache-2.0"
