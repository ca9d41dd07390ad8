#!/usr/bin/env python3
"""Write golden/legacy_waves.json: the published arithmetic of the wave recordings, in NumPy.

`python3 legacy_waves.py` writes it, `python3 legacy_waves.py --check` compares and exits with 1 on a difference.
"""

import json
import sys
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

TARGET = Path(__file__).resolve().parent / "golden" / "legacy_waves.json"
SEED = 512
HEIGHT, WIDTH = 40, 48


def half_away(values):
    """Rounding of values that are not negative."""
    return np.floor(np.asarray(values, dtype=float) + 0.5)


def box(image, side, mode="constant"):
    padded = np.pad(np.asarray(image, dtype=float), side // 2, mode=mode)
    return sliding_window_view(padded, (side, side)).sum(axis=(2, 3)) / side**2


def crop(image, side):
    for axis, n in enumerate(image.shape):
        if n > side:
            first = int(half_away((n - side) / 2))
            image = np.take(image, range(first, first + side), axis=axis)
        elif n < side:
            before = (side - n) // 2
            width = [(0, 0), (0, 0)]
            width[axis] = (before, side - n - before)
            image = np.pad(image, width, mode="symmetric")
    return image


def intervals(images):
    """The images of all intervals, 16 bits, from the images that are used."""
    smooth = [half_away(box(image, 31 if i == 0 else 21)) for i, image in enumerate(images)]
    found = []
    for before, after in zip(smooth, smooth[1:]):
        with np.errstate(all="ignore"):
            ratio = after / before
            low, high = np.fmin.reduce(ratio, axis=None), np.fmax.reduce(ratio, axis=None)
            scaled = (ratio - low) / (high - low) * 65535
        found.append(half_away(np.where(np.isnan(scaled), 0, scaled)).astype(int))
    return found


def jet():
    def u(i):
        if 1 <= i <= 64:
            return i / 64
        if 65 <= i <= 127:
            return 1
        return (192 - i) / 64 if 128 <= i <= 191 else 0

    return [[int(half_away(255 * u(j + shift))) for shift in (-96, -32, 32)] for j in range(1, 257)]


def text_of(mask):
    return ["".join("#" if v else "." for v in row) for row in mask]


def cases(rng):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    light = 3000 + 40 * y + 25 * x

    def frame(k):
        band = 1 + 0.02 * np.exp(-(((x - 10 - 8 * k) / 6.0) ** 2))
        counts = half_away(light * band + rng.normal(0, 30, light.shape))
        counts[rng.random(counts.shape) < 0.004] = 0
        return counts.astype(int)

    yield "a travelling band, some pixels 0", [frame(k) for k in range(3)]
    dark = [frame(k) for k in range(3)]
    dark[1][:, :26] = 0
    dark[2][:16, :26] = 0
    yield "a part that is 0 in one image, then in another", dark
    always = [frame(k) for k in range(3)]
    for image in always:
        image[:, 22:] = 0
    yield "a part that is 0 in all images", always
    constant = np.full((HEIGHT, WIDTH), 4321)
    yield "a constant", [constant, constant, constant]


def body():
    rng = np.random.default_rng(SEED)
    runs = []
    for name, images in cases(rng):
        found = [i.tolist() for i in intervals(images)]
        runs.append({"name": name, "images": [i.tolist() for i in images], "intervals": found})
    sizes = [(7, 9, 6), (6, 4, 9), (13, 3, 8), (2, 20, 11), (8, 8, 8)]
    crops = []
    for height, width, side in sizes:
        image = rng.integers(0, 65536, (height, width))
        crops.append({"image": image.tolist(), "side": side, "cropped": crop(image, side).tolist()})
    masks = []
    for threshold in (0.9, 1.0, 1.1):
        mask = box(rng.random((HEIGHT, WIDTH)), 5, "reflect") * 2 > threshold
        mean_11, mean_7 = box(mask, 11) >= 0.5, box(mask, 7, "reflect") >= 0.5
        masks.append({"mask": text_of(mask), "mean_11": text_of(mean_11), "mean_7": text_of(mean_7)})
    values = [0, 128, 129, 385, 386, 32767, 32768, 65406, 65407, 65535]
    return {
        "provenance": {"program": "tests/reference/legacy_waves.py", "numpy": np.__version__, "seed": SEED},
        "intervals": runs,
        "crops": crops,
        "masks": masks,
        "jet": jet(),
        "indices": {"values": values, "indices": [int(half_away(v * 255 / 65535)) for v in values]},
    }


if __name__ == "__main__":
    text = json.dumps(body(), separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n"
    if "--check" in sys.argv[1:]:
        old, new = json.loads(TARGET.read_text()), json.loads(text)
        old.pop("provenance"), new.pop("provenance")
        sys.exit(0 if old == new else f"{TARGET.name} differs")
    TARGET.write_text(text)
