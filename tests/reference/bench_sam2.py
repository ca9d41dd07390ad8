#!/usr/bin/env python3
"""Time SAM 2 per frame of propagation: the package `sam2` under PyTorch against ours, in turns, two threads each.

    cargo build --release --workspace --examples
    python3 bench_sam2.py target/release/examples/sam2 --px 512 1024 --objects 1 2 --rounds 3

Both follow square masks through frames until all memories are full, then five frames are timed; medians are printed, of wall
time and of the time of processors, which other programs disturb less. Weights mean nothing in either. PyTorch is measured at
its best: blocks of memory are kept (`MALLOC_*`), in channels-last layout and in the default one.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from unittest import mock

FULL, TIMED = 16, 5
MALLOC = {"MALLOC_TRIM_THRESHOLD_": "100000000000", "MALLOC_MMAP_MAX_": "0", "MALLOC_TOP_PAD_": "268435456"}


def follow(px, objects, channels_last):
    import numpy as np
    import torch
    from sam2.build_sam import build_sam2_video_predictor

    torch.set_num_threads(2)
    torch.manual_seed(0)
    overrides = [f"++model.image_size={px}"]
    config = "configs/sam2.1/sam2.1_hiera_t.yaml"
    model = build_sam2_video_predictor(config, device="cpu", hydra_overrides_extra=overrides)
    # Holes are filled on graphics cards only.
    model.fill_hole_area = 0
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
    images = torch.randn(FULL + TIMED, 3, px, px)
    with mock.patch("sam2.sam2_video_predictor.load_video_frames", lambda **_: (images, px, px)):
        state = model.init_state("")
    for obj in range(1, objects + 1):
        mask = np.zeros((px, px), bool)
        mask[: px // 2 // obj, : px // 2 // obj] = True
        model.add_new_mask(state, 0, obj, mask)
    wall, processors = [], []
    started, before = time.perf_counter(), time.process_time()
    for t, _, _ in model.propagate_in_video(state):
        now, spent = time.perf_counter(), time.process_time()
        if t >= FULL:
            wall.append(1e3 * (now - started))
            processors.append(1e3 * (spent - before))
        started, before = now, spent
    print(f"{statistics.median(wall):.0f} ms a frame, {statistics.median(processors):.0f} ms of processors")


def run(command, **environment):
    text = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True).stdout
    return [float(v) for v in re.search(r"(\d+) ms a frame, (\d+) ms of processors", text).groups()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ours", nargs="?", help="the example `sam2` of sparkwave-nn")
    parser.add_argument("--px", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", choices=["default", "channels-last"], help="one run of PyTorch, in this process")
    args = parser.parse_args()
    if args.one:
        follow(args.px[0], args.objects[0], args.one == "channels-last")
        return
    for px in args.px:
        for objects in args.objects:
            found = {"ours": [], "default": [], "channels-last": []}
            for _ in range(args.rounds):
                if args.ours:
                    ours = [args.ours, "frames", "tiny", str(px), str(objects)]
                    found["ours"].append(run(ours, RAYON_NUM_THREADS="2"))
                for layout in ("default", "channels-last"):
                    theirs = [sys.executable, __file__, "--one", layout, "--px", str(px), "--objects", str(objects)]
                    found[layout].append(run(theirs, **MALLOC))
            for name, times in found.items():
                if times:
                    wall, processors = (statistics.median(v) for v in zip(*times))
                    print(f"{px} px, {objects} objects, {name}: {wall:.0f} ms, {processors:.0f} ms of processors", flush=True)


if __name__ == "__main__":
    main()
