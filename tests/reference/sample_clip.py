#!/usr/bin/env python3
"""Masks of the published sample video (16 frames of 512 x 512, one every 5 s), and the numbers that it shows.

`sample_clip.py CLIP` prints one JSON object: for each frame the runs `[row, first column, end column]` of the mask,
and under `shown` what stands in the picture. `sample_clip.py CLIP --compare` prints how far the masks are from that.
Neither the video nor anything extracted from it may be stored here. Needs ffmpeg on the path.

The video shows, inside the mask, the grey frame with a saturated colour added, and the outline of the mask in red; what
the compression of the mask left around it is speckled. A mask is what lies inside of the crest of the red: pixels that
are brighter than ever else and form a patch grow up to it, and so does everything that is far from them. Colour is
coded at half the resolution, the outline crosses texts, and the crest is one pixel wide, so that areas are wrong by one
per cent (the narrow first mask by three) and centroids by half a pixel.
"""

import argparse
import json
import subprocess

import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

SIDE = 512
INTERVAL_S = 5.0
SHOWN = {
    "centroids_xy_px": [
        [148.2862, 393.2489], [148.4305, 349.5921], [147.7533, 349.0567], [146.4765, 341.4371],
        [139.1521, 326.6474], [130.673, 321.1358], [127.466, 307.8454], [158.1516, 269.7439],
        [153.2037, 263.8084], [168.717, 244.2908], [160.3494, 242.1491], [202.8551, 203.2636],
        [186.0186, 193.5646], [188.1889, 175.9884], [191.2771, 168.6168], [203.8184, 148.4622],
    ],
    "areas_mm2": [
        1.6081, 1.5107, 1.8726, 2.5313, 2.8313, 4.1496, 3.2426, 3.376,
        3.3197, 2.8004, 3.9737, 1.1853, 2.2539, 1.4711, 1.6441, 0.72699,
    ],
    "speeds_mm_min": [
        10.74, 0.21, 1.90, 4.06, 2.49, 3.36, 12.04, 1.90, 6.14, 2.13, 14.18, 4.78, 4.36, 1.97, 5.84,
    ],
    "average_speed_mm_min": 5.07,
    "net_displacement_mm": 5.15,
    "duration_s": 75.0,
}  # fmt: skip


def frames(clip):
    command = ["ffmpeg", "-v", "error", "-i", clip, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    pixels = subprocess.run(command, check=True, capture_output=True).stdout
    return np.frombuffer(pixels, np.uint8).reshape(-1, SIDE, SIDE, 3).astype(float)


def largest(mask):
    labels, n = ndimage.label(mask)
    return labels == 1 + np.argmax(ndimage.sum(mask, labels, range(1, n + 1)))


def masks(video):
    usual = np.median(video @ [0.299, 0.587, 0.114], axis=0)
    for frame in video:
        red = np.clip(frame[..., 0] - np.maximum(frame[..., 1], frame[..., 2]), 0, None)
        coloured = frame.max(axis=2) - usual > 60
        core = largest(ndimage.binary_opening(coloured, np.ones((4, 4))))
        inner = ndimage.binary_erosion(core, iterations=2)
        outer = ~ndimage.binary_dilation(core, iterations=10)
        grown = watershed(ndimage.gaussian_filter(red, 0.7), inner + 2 * outer) == 1
        yield ndimage.binary_fill_holes(grown)


def runs(mask):
    for y in np.flatnonzero(mask.any(axis=1)):
        edges = np.flatnonzero(np.diff(np.r_[0, mask[y].astype(int), 0]))
        yield from ([int(y), int(a), int(b)] for a, b in edges.reshape(-1, 2))


def compare(found):
    count = np.array([m.sum() for m in found])
    shown = np.array(SHOWN["areas_mm2"]) / (11 / SIDE) ** 2
    # What is shown counts from 1.
    centroids = np.array([np.argwhere(m).mean(axis=0)[::-1] + 1 for m in found])
    beside = np.linalg.norm(centroids - SHOWN["centroids_xy_px"], axis=1)
    speeds = np.linalg.norm(np.diff(centroids, axis=0), axis=1) * 10.5 / SIDE * 60 / INTERVAL_S
    for i, (n, s) in enumerate(zip(count, shown)):
        speed = f"{speeds[i - 1]:6.2f} for {SHOWN['speeds_mm_min'][i - 1]:5.2f} mm/min" if i else ""
        print(f"{i:2} {n:5} for {s:7.1f} px, {100 * (n / s - 1):+5.1f} %, centroid {beside[i]:.2f} px  {speed}")
    wrong = np.abs(count / shown - 1)
    print(f"area: median {100 * np.median(wrong):.1f} %, at most {100 * wrong.max():.1f} %")
    print(f"centroid: median {np.median(beside):.2f} px, at most {beside.max():.2f} px")
    print(f"speed: at most {np.abs(speeds - SHOWN['speeds_mm_min']).max():.2f} mm/min, mean {speeds.mean():.2f} for 5.07")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip")
    parser.add_argument("--compare", action="store_true")
    args = parser.parse_args()
    found = list(masks(frames(args.clip)))
    if args.compare:
        compare(found)
    else:
        print(json.dumps({"side_px": SIDE, "interval_s": INTERVAL_S, "runs": [list(runs(m)) for m in found], "shown": SHOWN}))
