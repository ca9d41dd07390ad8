"""Times a whole training step of the 3D U-Net (4 levels, 1.41 M parameters, crops of 32^3) beside PyTorch's, in turns.

    cargo build --release -p sparkwave-nn --example unet_speed
    python3 bench_step.py target/release/examples/unet_speed [BATCH...]

Ours: cutting and varying the crops, forward, loss, backward, Adam, through the tensor library. PyTorch at its best
(`bench_torch.py`): the same without the crops, the better of both memory layouts. One thread each; PyTorch's processor time and our wall time (so whatever else the
machine does counts against us), medians of 7 steps, 3 rounds.
"""
import os
import subprocess
import sys
import time

import torch
import torch.nn.functional as F

from bench_torch import UNet

LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last_3d}


def torch_step(batch, layout):
    net = UNet(4, 3, 1).train().to(memory_format=layout)
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-4)
    x = torch.rand(batch, 1, 32, 32, 32).to(memory_format=layout)
    target = (torch.rand(batch, 1, 32, 32, 32) > 0.95).float()

    def step():
        start = time.process_time()
        optimizer.zero_grad()
        F.mse_loss(net(x), target).backward()
        optimizer.step()
        return 1e3 * (time.process_time() - start)

    step()
    return step


def main():
    torch.set_num_threads(1)
    program, batches = sys.argv[1], [int(n) for n in sys.argv[2:]] or [8, 64]
    one_thread = {**os.environ, "RAYON_NUM_THREADS": "1"}
    for batch in batches:
        steps = {name: torch_step(batch, layout) for name, layout in LAYOUTS.items()}
        for _ in range(3):
            theirs = {name: sorted(step() for _ in range(7))[3] for name, step in steps.items()}
            text = subprocess.run([program, "train", str(batch)], env=one_thread, capture_output=True, text=True).stdout
            ours = float(text.split("median ")[1].split()[0])
            best = min(theirs.values())
            listed = ", ".join(f"{name} {ms:.0f}" for name, ms in theirs.items())
            print(f"batch {batch}: ours {ours:.0f} ms, PyTorch {listed} ms; PyTorch / ours {best / ours:.2f}", flush=True)


if __name__ == "__main__":
    main()
