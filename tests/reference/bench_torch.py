"""Times PyTorch and the kernels in turns on the same cases, and prints ratios of medians.

    cargo build --release -p sparkwave-kernels --example bench
    python3 tests/reference/bench_torch.py target/release/examples/bench [--one] [word of a case ...]

With --one, both have one thread and processor time is compared: for machines that others use too.

PyTorch at its best: memory is kept between tensors (this program starts itself again with the variables of glibc that say
so), warm, both memory layouts, batch norm folded for inference, the faster one counts. 2 threads each.
"""
import os
import subprocess
import sys
import time

MALLOC = {"MALLOC_TRIM_THRESHOLD_": "100000000000", "MALLOC_MMAP_MAX_": "0", "MALLOC_TOP_PAD_": "268435456"}
if any(k not in os.environ for k in MALLOC):
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **MALLOC})

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

ONE = "--one" in sys.argv
torch.set_num_threads(1 if ONE else 2)
ROUNDS, REPETITIONS = 7, 3


def values(*shape):
    return torch.rand(shape) * 2 - 1


def layouts(*tensors):
    """The tensors as they are, and channels last."""
    return [tensors, tuple(t.to(memory_format=torch.channels_last_3d) if t.dim() == 5 else t for t in tensors)]


def sizes(text):
    return [int(v) for v in text.split("x")]


def conv(fields, transposed=None):
    inputs, outputs, size, n, which = int(fields[0]), int(fields[1]), sizes(fields[2]), int(fields[3]), fields[4]
    stride = [1, 1, 1]
    if transposed is None:
        kernel = [1 if size[0] == 1 else 3, 3, 3]
        weight, padding = values(outputs, inputs, *kernel), [k // 2 for k in kernel]
    else:
        stride = [2, 2, 2]
        weight, padding = values(inputs, outputs, *[transposed] * 3), [transposed // 3] * 3
    large = [a * b for a, b in zip(size, stride)]
    bias = values(outputs)
    extra = padding if transposed else [0, 0, 0]
    runs = []
    for x, y, w in layouts(values(n, inputs, *size), values(n, outputs, *large), weight):
        if which == "forward" and transposed is None:
            def run(x=x, w=w):
                F.leaky_relu_(F.conv3d(x, w, bias, padding=padding), 0.2)
        elif which == "forward":
            def run(x=x, w=w):
                F.conv_transpose3d(x, w, bias, stride, padding, extra)
        else:
            mask = [which == "input", which == "weight", which == "weight"]
            def run(x=x, w=w, y=y):
                torch.ops.aten.convolution_backward(
                    y, x, w, [outputs], stride, padding, [1, 1, 1], transposed is not None, extra, 1, mask)
        runs.append(run)
    return runs


def norm(fields):
    channels, size, n, which = int(fields[0]), sizes(fields[1]), int(fields[2]), fields[3]
    scale, shift = values(channels).requires_grad_(), values(channels).requires_grad_()
    runs = []
    for x, grad in layouts(values(n, channels, *size), values(n, channels, *size)):
        x.requires_grad_()
        forward = lambda x=x: F.leaky_relu(F.batch_norm(x, None, None, scale, shift, True), 0.2)
        if which == "forward":
            def run(forward=forward):
                with torch.no_grad():
                    forward()
        else:
            y = forward()
            def run(y=y, x=x, grad=grad):
                torch.autograd.grad(y, (x, scale, shift), grad, retain_graph=True)
        runs.append(run)
    return runs


def pool(fields):
    channels, size, n, which = int(fields[0]), sizes(fields[1]), int(fields[2]), fields[3]
    runs = []
    for (x,) in layouts(values(n, channels, *size)):
        x.requires_grad_()
        y = F.max_pool3d(x, 2)
        grad = torch.ones_like(y)
        if which == "forward":
            def run(x=x):
                with torch.no_grad():
                    F.max_pool3d(x, 2, return_indices=True)
        else:
            def run(x=x, y=y, grad=grad):
                torch.autograd.grad(y, x, grad, retain_graph=True)
        runs.append(run)
    return runs


class UNet(nn.Module):
    """The published network: `depth` poolings, 8 channels at full size; batch norm optional."""

    def __init__(self, depth, kernel, normed):
        super().__init__()
        def block(a, b, activation, normed=normed):
            layers = []
            for i, o in ((a, b), (b, b)):
                layers += [nn.Conv3d(i, o, 3, padding=1)] + [nn.BatchNorm3d(o)] * normed + [activation()]
            return nn.Sequential(*layers)
        widths = [8 << i for i in range(depth + 1)]
        leaky = lambda: nn.LeakyReLU(0.2, inplace=True)
        relu = lambda: nn.ReLU(inplace=True)
        self.down = nn.ModuleList(block(1 if i == 0 else widths[i - 1], widths[i], leaky) for i in range(depth))
        self.bottom = block(widths[-2], widths[-1], relu, False)
        padding = dict(padding=1, output_padding=1) if kernel == 3 else {}
        self.upwards = nn.ModuleList(
            nn.ConvTranspose3d(widths[i + 1], widths[i], kernel, 2, **padding) for i in reversed(range(depth)))
        self.up = nn.ModuleList(block(2 * widths[i], widths[i], relu) for i in reversed(range(depth)))
        self.head = nn.Conv3d(8, 1, 1)

    def forward(self, x):
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
            x = F.max_pool3d(x, 2)
        x = self.bottom(x)
        for upwards, block in zip(self.upwards, self.up):
            x = block(torch.cat([skips.pop(), upwards(x)], 1))
        return torch.sigmoid(self.head(x))


def unet(fields):
    """Inference; batch norm is folded, so the layers are not there."""
    depth, kernel = (4, 2) if fields[0] == "small" else (5, 3)
    size, n = sizes(fields[1]), int(fields[2])
    net = UNet(depth, kernel, 0).eval()
    runs = []
    for (x,) in layouts(values(n, 1, *size)):
        mine = UNet(depth, kernel, 0).eval()
        mine.load_state_dict(net.state_dict())
        if len(runs) == 1:
            mine = mine.to(memory_format=torch.channels_last_3d)
        def run(x=x, mine=mine):
            with torch.inference_mode():
                mine(x)
        runs.append(run)
    return runs


def train(fields):
    """Forward and backward passes of a training step, with the squared error and without the optimiser."""
    depth, kernel = (4, 2) if fields[0] == "small" else (5, 3)
    size, n = sizes(fields[1]), int(fields[2])
    runs = []
    for x, target in layouts(values(n, 1, *size), values(n, 1, *size)):
        net = UNet(depth, kernel, 1).train()
        if len(runs) == 1:
            net = net.to(memory_format=torch.channels_last_3d)
        def run(x=x, target=target, net=net):
            net.zero_grad()
            F.mse_loss(net(x), target).backward()
        runs.append(run)
    return runs


KINDS = {
    "conv": conv, "up": lambda f: conv(f, 3), "up2": lambda f: conv(f, 2),
    "norm": norm, "pool": pool, "unet": unet, "train": train,
}
LAYERS = ["1:8:64x64x64:1", "8:8:64x64x64:1", "16:8:64x64x64:1", "16:16:32x32x32:1", "32:32:32x32x32:1",
          "64:64:16x16x16:1", "64:64:8x8x8:1", "128:128:4x4x4:1"]
TRAINED = [f"{layer}:{n}" for n in (8, 64) for layer in
           ("8:8:32x32x32", "16:16:16x16x16", "32:32:8x8x8", "64:64:4x4x4", "128:128:2x2x2")]
CASES = [f"conv:{layer}:forward" for layer in LAYERS]
CASES += [f"conv:{layer}:{which}" for layer in TRAINED for which in ("forward", "input", "weight")]
CASES += [f"{kind}:16:8:16x16x16:{n}:{which}" for n in (8, 64) for kind in ("up", "up2")
          for which in ("forward", "input", "weight")]
CASES += [f"{kind}:8:32x32x32:{n}:{which}" for n in (8, 64) for kind in ("norm", "pool")
          for which in ("forward", "backward")]
CASES += ["unet:small:64x64x64:1", "unet:small:64x64x64:4", "unet:published:64x64x64:1", "unet:published:64x64x64:4",
          "train:small:32x32x32:8", "train:small:32x32x32:64", "train:published:32x32x32:8"]


def main():
    words = [word for word in sys.argv[2:] if word != "--one"]
    os.environ["SPARKWAVE_THREADS"] = "1" if ONE else "2"
    own = subprocess.Popen([sys.argv[1], "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ours(case):
        own.stdin.write(f"{case} {REPETITIONS}\n")
        own.stdin.flush()
        *wall, processor = [float(v) for v in own.stdout.readline().split()]
        return [processor] if ONE else wall

    def theirs(run):
        times, before = [], time.process_time()
        for _ in range(REPETITIONS):
            start = time.perf_counter()
            run()
            times.append((time.perf_counter() - start) * 1e3)
        return [(time.process_time() - before) * 1e3 / REPETITIONS] if ONE else times

    what = "processor time, 1 thread" if ONE else "2 threads"
    print(f"PyTorch {torch.__version__}, {what}; medians of {ROUNDS} rounds of {REPETITIONS} in turns, ms")
    print("| case | kernels | PyTorch | channels last | best PyTorch / kernels | of the fastest |\n|---|---|---|---|---|---|")
    for case in CASES:
        if words and not any(word in case for word in words):
            continue
        kind, rest = case.split(":", 1)
        runs = KINDS[kind](rest.split(":"))
        times = [[] for _ in range(1 + len(runs))]
        for which in range(ROUNDS + 1):
            for i, found in enumerate([ours(case)] + [theirs(run) for run in runs]):
                if which > 0:  # the first round warms up
                    times[i] += found
                time.sleep(0.005)
        medians = [np.median(t) for t in times]
        fastest = [min(t) for t in times]
        ratio, of_fastest = min(medians[1:]) / medians[0], min(fastest[1:]) / fastest[0]
        print(f"| {case} | " + " | ".join(f"{m:.3g}" for m in medians) + f" | {ratio:.2f} | {of_fastest:.2f} |", flush=True)


if __name__ == "__main__":
    main()
