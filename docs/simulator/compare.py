"""Compares a simulated recording with published real data, by eye and by numbers.

    cargo run --release -p sparkwave-core --example simulate_preview -- PREVIEW_DIR [SEED]
    python3 docs/simulator/compare.py PREVIEW_DIR OUT_DIR [REAL_DIR]

REAL_DIR defaults to ../shared/data/msct beside the checkout; without it only the simulated half is made.
Writes maximum_xy.png, kymograph.png, crops.png (real left or above, simulated right or below) and prints the figures.
"""
import csv
import glob
import os
import sys

import numpy as np
import tifffile
from PIL import Image
from scipy import ndimage


def load(folder):
    shape = tuple(int(n) for n in open(os.path.join(folder, "shape.txt")).read().split())
    movie = np.memmap(os.path.join(folder, "movie.u16"), "<u2", "r", shape=shape)
    labels = np.memmap(os.path.join(folder, "labels.u32"), "<u4", "r", shape=shape)
    rest = np.fromfile(os.path.join(folder, "rest.f32"), "<f4").reshape(shape[1:])
    truth = list(csv.DictReader(open(os.path.join(folder, "truth.csv"))))
    drift = np.array([[float(r["y_px"]), float(r["x_px"])] for r in csv.DictReader(open(os.path.join(folder, "drift.csv")))])
    return movie, labels, rest, truth, drift


def triangle(image):
    """Threshold of the triangle method on 256 bins, right tail longer."""
    counts, edges = np.histogram(image, 256)
    peak, last = counts.argmax(), np.flatnonzero(counts)[-1]
    x = np.arange(peak, last + 1)
    line = counts[peak] + (counts[last] - counts[peak]) * (x - peak) / max(last - peak, 1)
    best = x[(line - counts[peak : last + 1]).argmax()]
    return 0.5 * (edges[best] + edges[best + 1])


def normalise(movie):
    """(I - b(t)) / G as the published crops: G = mean above the triangle threshold, b = smoothed frame mean."""
    theta = triangle(movie[::20])
    g = float(np.mean([m[m > theta].mean() for m in movie[::20]]))
    mean = movie.reshape(len(movie), -1).mean(1, dtype=np.float64)
    return lambda t: (movie[t].astype(float) - ndimage.gaussian_filter1d(mean, 20)[t]) / g


def gray(a, low, high):
    return (255 * (1 - np.clip((a - low) / (high - low), 0, 1))).astype(np.uint8)


def display_range(a, real_median, real_high):
    """Low and high so that median and 99.5th percentile fall where they do in the real rendering."""
    m, h = np.median(a), np.quantile(a, 0.995)
    span = (h - m) / (real_high - real_median)
    return m - real_median * span, m + (1 - real_median) * span


def outline(mask, scale):
    big = np.kron(mask, np.ones((scale, scale), bool))
    return big ^ ndimage.binary_erosion(big)


def crop_panel(a, mask, scale=4):
    image = np.repeat(np.kron(gray(a, 0, 2), np.ones((scale, scale), np.uint8))[..., None], 3, 2)
    marked = image.copy()
    marked[outline(mask, scale)] = (255, 0, 0)
    return np.vstack([image, marked])


def photon_transfer(crop):
    """Slope of noise variance against level in one frame, and the level of zero light: (photons at level 1, zero)."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 6.0
    noise, level = ndimage.convolve(crop, kernel), ndimage.gaussian_filter(crop, 1.5)
    q = np.quantile(level, [0, 0.25, 0.5, 0.75, 0.9])
    points = []
    for low, high in zip(q[:-1], q[1:]):
        inside = (level >= low) & (level <= high)
        points.append((level[inside].mean(), (1.4826 * np.median(np.abs(noise[inside]))) ** 2))
    points = np.array(points)
    slope, at_zero = np.polyfit(points[:, 0], points[:, 1], 1)
    zero = -at_zero / slope
    return 2 * (1 - zero) / slope, 2 * (points[0, 0] - zero) / slope, points


def autocorrelation(trace, lags):
    t = np.arange(len(trace))
    r = trace - np.polyval(np.polyfit(t, trace, 2), t)
    return [float((r[:-lag] * r[lag:]).mean() / r.var()) for lag in lags]


def marks(image, threshold):
    labelled, n = ndimage.label(image > threshold, np.ones((3, 3)))
    sizes = np.bincount(labelled.ravel())[1:]
    return int((sizes >= 3).sum()), np.sort(sizes)[::-1][:15].tolist(), float((image > threshold).mean())


def main():
    preview, out = sys.argv[1], sys.argv[2]
    here = os.path.dirname(os.path.abspath(__file__))
    real = sys.argv[3] if len(sys.argv) > 3 else os.path.join(here, "../../../shared/data/msct")
    os.makedirs(out, exist_ok=True)
    movie, labels, rest, truth, drift = load(preview)
    have_real = os.path.isdir(real)

    maximum, kymograph = np.zeros(movie.shape[1:]), np.zeros((movie.shape[0], movie.shape[2]))
    for t in range(len(movie)):
        frame = ndimage.shift(movie[t].astype(float), -drift[t], order=1, mode="nearest")
        maximum, kymograph[t] = np.maximum(maximum, frame), frame.max(0)
    real_xy = real_xz = None
    if have_real:
        real_xy = 1 - tifffile.imread(os.path.join(real, "renderings/movie-80-1-xy.tif"))[..., 0] / 255
        real_xz = 1 - tifffile.imread(os.path.join(real, "renderings/movie-80-1-xz.tif"))[..., 0] / 255
    for name, mine, theirs, median, high in (
        ("maximum_xy", maximum, real_xy, 0.063, 0.474),
        ("kymograph", kymograph, real_xz, 0.29, 0.55),
    ):
        low, top = display_range(mine, median, high)
        shown = 1 - gray(mine, low, top) / 255
        panels = [gray(p, 0, 1) for p in ([theirs] if have_real else []) + [shown]]
        Image.fromarray(np.hstack(panels)).resize((1024 * len(panels), 2 * panels[0].shape[0]), 0).save(f"{out}/{name}.png")
        for who, image in (("real", theirs), ("simulated", shown)):
            if image is not None:
                quantiles = np.quantile(image, [0.05, 0.25, 0.5, 0.75, 0.9, 0.98, 0.999]).round(3).tolist()
                print(f"{name} {who}: quantiles {quantiles}; dark marks {marks(image, 0.75)}")
                if name == "kymograph":
                    noise = np.median(np.diff(image, axis=0).std(0) / np.sqrt(2) / image.mean(0))
                    print(f"  frame-to-frame SD / mean {noise:.3f}; mean first/last tenth {image[:60].mean():.3f} {image[-60:].mean():.3f}")

    normal = normalise(movie)
    rows = []
    if have_real:
        panels = []
        for path in sorted(glob.glob(os.path.join(real, "crops/*_max-proj.tif"))):
            a, mask = tifffile.imread(path).astype(float), tifffile.imread(path.replace(".tif", "-pred_event-only.tif")) > 0
            photons, background, _ = photon_transfer(a)
            print(f"real crop {os.path.basename(path)[:6]}: 1 % {np.quantile(a, .01):.2f} median {np.median(a):.2f} max {a.max():.2f} mask {mask.sum()} px mean {a[mask].mean():.2f}; photons at 1: {photons:.0f}, darkest quarter {background:.0f}")
            panels.append(crop_panel(a, mask))
        rows += [np.hstack(panels[i : i + 10]) for i in (0, 10)]
    panels = []
    inner = [e for e in truth if 34 < float(e["y_px"]) < movie.shape[1] - 34 and 34 < float(e["x_px"]) < movie.shape[2] - 34]
    by_kind = {k: [e for e in inner if e["kind"] == k] for k in ("spine", "shaft", "large", "propagating")}
    chosen = by_kind["spine"][:8] + by_kind["shaft"][:5] + by_kind["large"][:5] + by_kind["propagating"][:2]
    for event in chosen:
        t, y, x = int(event["t_frame"]), round(float(event["y_px"])), round(float(event["x_px"]))
        region = np.s_[y - 32 : y + 32, x - 32 : x + 32]
        a = ndimage.shift(normal(t), -drift[t].round(), order=0, mode="nearest")[region]
        mask = np.asarray(labels[t][region]) == int(event["event_id"])
        photons, background, _ = photon_transfer(a)
        print(f"simulated {event['kind']}: dff {float(event['peak_dff']):.2f}; 1 % {np.quantile(a, .01):.2f} median {np.median(a):.2f} max {a.max():.2f} mask {mask.sum()} px mean {a[mask].mean():.2f}; photons at 1: {photons:.0f}, darkest quarter {background:.0f}")
        panels.append(crop_panel(a, mask))
    rows += [np.hstack(panels[i : i + 10]) for i in range(0, len(panels) - len(panels) % 10, 10)]
    Image.fromarray(np.vstack(rows)).save(f"{out}/crops.png")

    counts = {k: sum(e["kind"] == k for e in truth) for k in by_kind}
    quantiles = lambda key: np.quantile([float(e[key]) for e in truth], [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1]).round(2).tolist()
    print(f"transients {len(truth)} {counts}; dim {np.mean([e['dim'] == 'true' for e in truth]):.2f}; in bursts {np.mean([e['burst_id'] != '' for e in truth]):.2f}")
    for key in ("peak_dff", "window_dff", "peak_snr", "tau_s", "area_px", "n_voxels"):
        print(f"  {key} 0/10/25/50/75/90/100 %: {quantiles(key)}")
    voxels = sum(int(e["n_voxels"]) for e in truth)
    theta = triangle(np.asarray(movie[:25]).mean(0))
    foreground = (np.asarray(movie[:25]).mean(0) > theta).mean()
    print(f"event voxels: {voxels / movie.size:.6f} of all, {voxels / movie.size / foreground:.5f} of foreground ({foreground:.3f} of the field)")

    bright = np.argwhere(rest > np.quantile(rest, 0.98))
    rng = np.random.default_rng(0)
    ratio, white, correlation = [], [], []
    aligned = lambda t: ndimage.shift(movie[t].astype(np.float32), -drift[t], order=1, mode="nearest")
    # Whole-pixel alignment keeps single-pixel noise as the camera made it.
    whole = [tuple(int(round(v)) for v in d) for d in drift]
    for y, x in bright[rng.choice(len(bright), 200, replace=False)]:
        trace = np.array([movie[t, np.clip(y + dy, 0, movie.shape[1] - 1), np.clip(x + dx, 0, movie.shape[2] - 1)] for t, (dy, dx) in enumerate(whole)], float)
        trace = np.minimum(trace, np.median(trace) + 4 * trace.std())
        ratio.append(trace.std() / trace.mean())
        white.append(np.diff(trace).std() / np.sqrt(2) / trace.mean())
        correlation.append(autocorrelation(trace, [1, 2, 5, 10, 20, 50]))
    print(f"bright pixels: SD / mean 10/50/90 % {np.quantile(ratio, [.1, .5, .9]).round(3).tolist()}; frame-to-frame {np.median(white):.3f}; autocorrelation at 1 2 5 10 20 50 frames {np.median(correlation, 0).round(3).tolist()}")
    if have_real:
        print(f"foreground of the real rendering by the same threshold: {(real_xy > triangle(real_xy)).mean():.3f}; of the simulated one {(maximum > triangle(maximum)).mean():.3f}")
        data = list(csv.DictReader(open(os.path.join(real, "trace_neuron10.csv"))))
        trace = np.array([float(r["counts"]) for r in data if r["kind"] == "baseline" and r["counts"]])
        print(f"real trace: SD / mean {trace.std() / trace.mean():.3f}; frame-to-frame {np.diff(trace).std() / np.sqrt(2) / trace.mean():.3f}; autocorrelation {np.round(autocorrelation(trace, [1, 2, 5, 10, 20, 50]), 3).tolist()}")


if __name__ == "__main__":
    main()
