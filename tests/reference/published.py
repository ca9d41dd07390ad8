"""The published mSCT steps, written out in plain NumPy from their description (no speed, no cleverness)."""

import numpy as np
from scipy import ndimage as ndi
from scipy.linalg import solveh_banded


def second_difference_penalty(n, lam):
    """Upper banded form, [3, n], of lam * D2'D2."""
    d2 = np.diff(np.eye(n), 2, axis=0)
    full = lam * d2.T @ d2
    banded = np.zeros((3, n))
    for k in range(3):
        banded[2 - k, k:] = np.diag(full, k)
    return banded


def arpls(y, lam, ratio, max_iter, ddof):
    """arPLS (Baek et al. 2015): (baseline, solves, last relative change).

    `max_iter` counts re-weightings, so there are at most `max_iter` + 1 solves; the returned baseline is the one whose
    weights changed by less than `ratio`.  `ddof` 0 is the published mSCT code, 1 is pybaselines.
    """
    y = np.asarray(y, float)
    penalty, w, change = second_difference_penalty(len(y), lam), np.ones(len(y)), np.inf
    for solves in range(1, max_iter + 2):
        system = penalty.copy()
        system[2] += w
        z = solveh_banded(system, w * y)
        d = y - z
        negative = d[d < 0]
        if len(negative) < 2:
            break
        m, s = negative.mean(), negative.std(ddof=ddof)
        s = s if s > 0 else np.finfo(float).eps
        exponent = np.clip(2 * (d - (2 * s - m)) / s, -700, 700)
        new = 1 / (1 + np.exp(exponent))
        change = np.linalg.norm(new - w) / np.linalg.norm(w)
        if change < ratio:
            break
        w = new
    return z, solves, change


def noise_by_exclusion(trace, fraction=0.01, tolerance=0.02):
    """(sigma, samples left): drop the ceil(fraction * left) largest samples until the SD changes by < tolerance.

    The SD is the population SD.  Dropping also stops, with the SD before it, where it would leave fewer than half.
    """
    ordered = np.sort(np.asarray(trace, float))
    keep, sigma = len(ordered), ordered.std()
    while sigma > 0:
        left = keep - int(np.ceil(fraction * keep))
        if 2 * left < len(ordered):
            break
        new = ordered[:left].std()
        settled = (sigma - new) / sigma < tolerance
        keep, sigma = left, new
        if settled:
            break
    return sigma, keep


def find_peaks(trace):
    """First samples of local maxima; the first and the last sample of the trace are never peaks."""
    peaks, candidate = [], None
    for i in range(1, len(trace)):
        if trace[i] > trace[i - 1]:
            candidate = i
        elif trace[i] < trace[i - 1]:
            if candidate is not None:
                peaks.append(candidate)
            candidate = None
    return peaks


def runs_of(trace, sigma, half_window, high=4.0, low=2.0):
    """Runs [start, end) of one pixel, merged over its peaks."""
    inside = np.zeros(len(trace), bool)
    for p in find_peaks(trace):
        if trace[p] < high * sigma:
            continue
        start = p
        while start - 1 >= max(0, p - half_window) and trace[start - 1] >= low * sigma:
            start -= 1
        end = p + 1
        while end < len(trace) and end <= p + half_window and trace[end] >= low * sigma:
            end += 1
        if end - start > 1:
            inside[start:end] = True
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def idt_components(mask, dff, min_extent_px=3):
    """26-connected components whose bounding box is larger than `min_extent_px` in y and in x, in scan order."""
    labels, _ = ndi.label(mask, np.ones((3, 3, 3)))
    out = []
    for i, box in enumerate(ndi.find_objects(labels), 1):
        height, width = box[1].stop - box[1].start, box[2].stop - box[2].start
        voxels = np.argwhere(labels == i)
        values = dff[tuple(voxels.T)]
        peak = voxels[np.argmax(values)]
        out.append(
            {
                "kept": bool(height > min_extent_px and width > min_extent_px),
                "n_voxels": len(voxels),
                "bounding_box": [[int(s.start), int(s.stop)] for s in box],
                "peak_tyx": [int(v) for v in peak],
                "peak_dff": float(values.max()),
                "centroid_tyx": [float(v) for v in (voxels * values[:, None]).sum(0) / values.sum()],
            }
        )
    return out


def regions_of(centroids_yx, pixel_um, distance_um=2.55):
    """Single linkage: region number (1, 2, ... in order of first member) of every centroid."""
    n = len(centroids_yx)
    region = list(range(n))
    for i in range(n):
        for j in range(i):
            if np.hypot(*(np.subtract(centroids_yx[i], centroids_yx[j]))) * pixel_um < distance_um:
                old, new = region[i], region[j]
                region = [new if r == old else r for r in region]
    names = {}
    return [names.setdefault(r, len(names) + 1) for r in region]
