#!/usr/bin/env python3
"""Two plain reference detectors, and the score of a detection list against a truth list.

(a) gaussian: aligned by the true drift, per-pixel running percentile F0, z = (F - F0) / sigma after a 3-D Gaussian,
    local maxima.  (b) idt: the published intensity-based detection threshold, per pixel, aligned by phase correlation.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import tifffile
from scipy import ndimage as ndi

from scoring import curve_of

BORDER_PX = 9  # more than the largest drift: what enters the frame there was not seen in every frame


# --- alignment -----------------------------------------------------------------------------------------------------


def align(movie, drift):
    """Move frame t by -drift[t] (content displacement), cubic spline."""
    return np.stack([ndi.shift(f.astype(np.float32), -d, order=3, mode="nearest") for f, d in zip(movie, drift)])


def estimate_drift(movie):
    """Guizar-Sicairos registration of every frame to frame 0, as published, after a 1 px Gaussian."""
    from skimage.registration import phase_cross_correlation

    reference = ndi.gaussian_filter(movie[0].astype(np.float32), 1)
    smoothed = (ndi.gaussian_filter(f.astype(np.float32), 1) for f in movie)
    shifts = [phase_cross_correlation(reference, f, upsample_factor=20, normalization=None)[0] for f in smoothed]
    return -np.array(shifts)


# --- (a) Gaussian threshold ----------------------------------------------------------------------------------------


def running_percentile(movie, window, step, percent):
    """Running percentile of every pixel at every `step`-th frame, linear between."""
    n = len(movie)
    knots = np.unique(np.append(np.arange(0, n, step), n - 1))
    flat = movie.reshape(n, -1)
    out = np.empty_like(flat)
    for c in range(0, flat.shape[1], 16384):
        block = np.ascontiguousarray(flat[:, c : c + 16384].T)
        values = np.empty((block.shape[0], len(knots)), np.float32)
        for i, k in enumerate(knots):
            lo = min(max(k - window // 2, 0), n - window)
            part = block[:, lo : lo + window]
            rank = int(round(percent / 100 * (part.shape[1] - 1)))
            values[:, i] = np.partition(part, rank, axis=1)[:, rank]
        position = np.interp(np.arange(n), knots, np.arange(len(knots)))
        left = np.minimum(position.astype(int), len(knots) - 2)
        fraction = (position - left).astype(np.float32)
        out[:, c : c + 16384] = (values[:, left] * (1 - fraction) + values[:, left + 1] * fraction).T
    return out.reshape(movie.shape)


def detect_gaussian(aligned, dt_s, pixel_um, border_px, sigma_px=1.2, sigma_frames=1.0, floor=3.5):
    smooth = ndi.gaussian_filter(aligned, (sigma_frames, sigma_px, sigma_px), mode="nearest")
    window = int(round(6.0 / dt_s)) | 1
    smooth -= running_percentile(smooth, window, max(1, int(round(0.5 / dt_s))), 50)
    sigma = 1.4826 * np.median(np.abs(smooth[::3]), axis=0)
    z = smooth / np.maximum(sigma, 1e-6)
    size = (7, 9, 9)
    peaks = (z == ndi.maximum_filter(z, size)) & (z >= floor)
    b = border_px
    peaks[:, :b], peaks[:, -b:], peaks[:, :, :b], peaks[:, :, -b:] = False, False, False, False
    where = np.argwhere(peaks)
    return where.astype(float), z[peaks]


# --- (b) intensity-based detection threshold -------------------------------------------------------------------------


def solve_second_difference(weights, rhs, lam):
    """Solve (diag(w) + lam D2'D2) z = rhs for columns, [T, N], by a vectorised pentadiagonal LDL'."""
    n = len(weights)
    d0, d1 = np.full(n, 6.0), np.full(n, -4.0)
    d0[[0, -1]], d0[[1, -2]] = 1.0, 5.0
    d1[[0, n - 2]] = -2.0
    diag, low1, low2 = (np.zeros_like(rhs) for _ in range(3))
    z = np.empty_like(rhs)
    for i in range(n):
        diag[i] = weights[i] + lam * d0[i]
        if i >= 1:
            diag[i] -= low1[i - 1] ** 2 * diag[i - 1]
        if i >= 2:
            diag[i] -= low2[i - 2] ** 2 * diag[i - 2]
        off = lam * d1[i]
        if i >= 1:
            off = off - low1[i - 1] * low2[i - 1] * diag[i - 1]
        low1[i] = off / diag[i]
        low2[i] = lam / diag[i]
        z[i] = rhs[i]
        if i >= 1:
            z[i] -= low1[i - 1] * z[i - 1]
        if i >= 2:
            z[i] -= low2[i - 2] * z[i - 2]
    z /= diag
    for i in range(n - 2, -1, -1):
        z[i] -= low1[i] * z[i + 1]
        if i + 2 < n:
            z[i] -= low2[i] * z[i + 2]
    return z


def arpls(traces, lam=1e6, ratio=1e-3, max_iter=50):
    """Baselines of the columns of [T, N]; a column stops when its own weights have settled."""
    traces = traces.astype(np.float64)
    base = np.empty_like(traces)
    active, weights = np.arange(traces.shape[1]), np.ones_like(traces)
    for _ in range(max_iter):
        y = traces[:, active]
        z = solve_second_difference(weights, weights * y, lam)
        base[:, active] = z
        d = y - z
        negative = d < 0
        count = np.maximum(negative.sum(0), 1)
        mean = np.where(negative, d, 0).sum(0) / count
        sd = np.sqrt(np.where(negative, (d - mean) ** 2, 0).sum(0) / count)
        new = 1 / (1 + np.exp(np.clip(2 * (d - (2 * sd - mean)) / np.maximum(sd, 1e-12), -500, 500)))
        going = np.linalg.norm(weights - new, axis=0) > ratio * np.linalg.norm(weights, axis=0)
        active, weights = active[going], new[:, going]
        if not len(active):
            break
    return base


def noise_by_exclusion(traces, fraction=0.01, tolerance=0.02):
    """Population SD of each column while the largest 1 % of what remains is dropped, until it changes by < 2 %."""
    ordered = np.sort(traces, axis=0)
    n = len(ordered)
    keep, sigma = n, ordered.std(0)
    done = np.zeros(ordered.shape[1], bool)
    while not done.all():
        drop = int(np.ceil(fraction * keep))
        if keep - drop < n / 2:
            break
        keep -= drop
        new = ordered[:keep].std(0)
        settled = (sigma - new) < tolerance * sigma
        sigma = np.where(done, sigma, new)
        done |= settled
    return sigma


def pixel_runs(dff, sigma, half_window, high=4.0, low=2.0):
    """Boolean [T, N]: samples of runs >= low * sigma around a peak >= high * sigma, within the window of that peak."""
    n = len(dff)
    mask = np.zeros(dff.shape, bool)
    above = dff >= low * sigma
    previous = np.vstack([np.full((1, dff.shape[1]), -np.inf), dff[:-1]])
    following = np.vstack([dff[1:], np.full((1, dff.shape[1]), -np.inf)])
    for t, p in zip(*np.nonzero((dff >= high * sigma) & (dff > previous) & (dff >= following))):
        lo, hi = t, t
        while lo > 0 and t - (lo - 1) <= half_window and above[lo - 1, p]:
            lo -= 1
        while hi < n - 1 and hi + 1 - t <= half_window and above[hi + 1, p]:
            hi += 1
        if hi > lo:
            mask[lo : hi + 1, p] = True
    return mask


def detect_idt(aligned, dt_s, pixel_um, border_px, lam=1e6):
    from skimage.filters import threshold_triangle

    # The published threshold is set by hand; 0.7 of the way from the dark to the triangle threshold keeps dim spines.
    mean = ndi.median_filter(aligned.mean(0), 3)
    dark = np.percentile(mean, 5)
    foreground = mean > dark + 0.7 * (threshold_triangle(mean) - dark)
    b = border_px
    foreground[:b], foreground[-b:], foreground[:, :b], foreground[:, -b:] = False, False, False, False
    background = np.median(aligned[:, mean <= np.percentile(mean, 10)], axis=1)
    mask = np.zeros(aligned.shape, bool)
    signal = np.zeros(aligned.shape, np.float32)  # dF/F0 in units of the pixel's noise
    rows, cols = np.nonzero(foreground)
    for c in range(0, len(rows), 4096):
        r, k = rows[c : c + 4096], cols[c : c + 4096]
        traces = aligned[:, r, k] - background[:, None]
        base = arpls(traces, lam)
        dff = (traces - base) / np.maximum(base, 1.0)
        sigma = noise_by_exclusion(dff)
        mask[:, r, k] = pixel_runs(dff, sigma, int(round(1.5 / dt_s)))
        signal[:, r, k] = dff / sigma
    labels, _ = ndi.label(mask, np.ones((3, 3, 3)))
    found, scores = [], []
    for i, box in enumerate(ndi.find_objects(labels), 1):
        if min(box[1].stop - box[1].start, box[2].stop - box[2].start) * pixel_um <= 3 * 0.16:
            continue
        inside = np.where(labels[box] == i, signal[box], 0)
        t = int(np.argmax(inside.sum((1, 2))))
        w = np.maximum(inside[t], 0)
        yy, xx = np.mgrid[box[1], box[2]]
        found.append((t + box[0].start, (w * yy).sum() / w.sum(), (w * xx).sum() / w.sum()))
        scores.append(inside.max())
    return np.array(found).reshape(-1, 3), np.array(scores), foreground


# --- command line --------------------------------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", help="folders written by simulate.py")
    parser.add_argument("--detectors", nargs="+", default=["gaussian", "idt"])
    parser.add_argument("--idt-true-drift", action="store_true")
    parser.add_argument("--write", action="store_true", help="write each detection list beside the movie")
    args = parser.parse_args()
    print("| recording | detector | F1 | precision | recall | AP | detections | true |")
    print("|---|---|---|---|---|---|---|---|")
    table = {}
    for folder in map(Path, args.folders):
        facts = json.loads((folder / "simulation.json").read_text())
        dt_s, pixel_um = facts["frame_interval_s"], facts["pixel_size_um"]
        truth = np.loadtxt(folder / "truth.csv", delimiter=",", skiprows=1, usecols=(1, 2, 3), ndmin=2)
        drift = np.loadtxt(folder / "drift.csv", delimiter=",", skiprows=1, usecols=(1, 2))
        movie = tifffile.imread(folder / "movie.tif")
        for name in args.detectors:
            if name == "gaussian":
                found, scores = detect_gaussian(align(movie, drift), dt_s, pixel_um, BORDER_PX)
            else:
                estimate = drift if args.idt_true_drift else estimate_drift(movie)
                found, scores, foreground = detect_idt(align(movie, estimate), dt_s, pixel_um, BORDER_PX)
                rms = np.sqrt(np.mean(((estimate - drift) ** 2).sum(1)))
                print(f"| {folder.name} | (IDT drift RMS {rms:.3f} px, foreground {foreground.mean():.3f}) |")
            curve, ap = curve_of(truth, found, scores, dt_s, pixel_um)
            # IDT has its own threshold; the Gaussian one is read at its best.
            point = max(curve, key=lambda p: p.f1) if name == "gaussian" else curve[-1]
            row = (point.f1, point.precision, point.recall, ap, point.n_found, len(truth))
            table.setdefault(name, []).append(row[:4])
            text = " | ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row)
            print(f"| {folder.name} | {name} at {point.threshold:.2f} | {text} |", flush=True)
            if args.write:
                rows = np.column_stack([found, scores])
                np.savetxt(folder / f"{name}.csv", rows, "%.4f", ",", header="t_frame,y_px,x_px,score", comments="")
    for name, rows in table.items():
        mean = np.mean(rows, axis=0)
        print(f"| mean | {name} | " + " | ".join(f"{v:.3f}" for v in mean) + " | | |")


if __name__ == "__main__":
    main()
