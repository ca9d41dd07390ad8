"""Writes golden/kernels.json: what PyTorch computes, in double precision, for the layers of `sparkwave-kernels`.

    python3 kernels.py            # write
    python3 kernels.py --check    # compare byte for byte

Inputs are not stored: value i of tensor s is ((7919 i + 104729 s) mod 1009) / 504.5 - 1, rounded to single precision.
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

GOLDEN = Path(__file__).parent / "golden" / "kernels.json"


def values(seed, *shape):
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    single = (((7919 * i + 104729 * seed) % 1009) / 504.5 - 1).astype(np.float32)
    return torch.from_numpy(single.astype(np.float64)).reshape(shape).requires_grad_()


def numbers(tensor):
    return [float(f"{v:.8g}") for v in tensor.detach().flatten().tolist()]


def layer(name, run, x, parameters):
    """The result, and the gradients for an output gradient that is tensor 9."""
    y = run(x, *parameters)
    grads = torch.autograd.grad(y, (x, *parameters), values(9, *y.shape).detach())
    return {"name": name, "output": numbers(y), "grads": [numbers(g) for g in grads]}


def convolution(n, inputs, outputs, size, kernel):
    run = lambda x, w, b: F.conv3d(x, w, b, padding=[k // 2 for k in kernel])
    found = layer("conv3d", run, values(1, n, inputs, *size), [values(2, outputs, inputs, *kernel), values(3, outputs)])
    return found | {"n": n, "inputs": inputs, "outputs": outputs, "size": size, "kernel": kernel}


def transposed(n, inputs, outputs, size, kernel, stride):
    padding = [int(k == 3) for k in kernel]
    extra = [int(k == 3 and s == 2) for k, s in zip(kernel, stride)]
    run = lambda x, w, b: F.conv_transpose3d(x, w, b, stride, padding, extra)
    found = layer("transposed", run, values(1, n, inputs, *size), [values(2, inputs, outputs, *kernel), values(3, outputs)])
    return found | {"n": n, "inputs": inputs, "outputs": outputs, "size": size, "kernel": kernel, "stride": stride}


def norm(n, channels, size, slope):
    mean, variance = torch.zeros(channels, dtype=torch.float64), torch.zeros(channels, dtype=torch.float64)
    run = lambda x, scale, shift: F.leaky_relu(F.batch_norm(x, mean, variance, scale, shift, True, 1.0, 1e-5), slope)
    found = layer("norm", run, values(1, n, channels, *size), [values(2, channels), values(3, channels)])
    return found | {"n": n, "channels": channels, "size": size, "slope": slope,
                    "running_mean": numbers(mean), "running_variance": numbers(variance)}


def pool(maps, size, window):
    found = layer("pool", lambda x: F.max_pool3d(x, window), values(1, 1, maps, *size), [])
    return found | {"maps": maps, "size": size, "window": window}


def main():
    cases = [
        convolution(2, 3, 4, [3, 4, 5], [3, 3, 3]),
        convolution(1, 2, 9, [1, 5, 20], [1, 3, 3]),
        convolution(2, 5, 1, [2, 3, 3], [1, 1, 1]),
        convolution(2, 9, 10, [1, 1, 1], [3, 3, 3]),
        transposed(2, 3, 4, [2, 3, 4], [3, 3, 3], [2, 2, 2]),
        transposed(1, 2, 5, [3, 4, 3], [3, 3, 3], [1, 2, 2]),
        transposed(2, 4, 2, [1, 2, 3], [2, 2, 2], [2, 2, 2]),
        norm(3, 4, [2, 3, 4], 0.2),
        norm(2, 2, [1, 5, 6], 0.0),
        pool(3, [4, 5, 6], [2, 2, 2]),
        pool(2, [3, 4, 6], [1, 2, 2]),
    ]
    text = json.dumps({"provenance": {"torch": torch.__version__}, "cases": cases}) + "\n"
    if "--check" in sys.argv:
        sys.exit(0 if GOLDEN.read_text() == text else f"{GOLDEN} differs")
    GOLDEN.write_text(text)


main()
