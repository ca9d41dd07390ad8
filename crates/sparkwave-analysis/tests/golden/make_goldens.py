#!/usr/bin/env python3
"""Writes measure.json and detection.json beside this file; see README.md.

Independent references only: scikit-image for moments, hulls and weighted centroids, SciPy for neighbours and
assignments, NumPy for interpolation. Needs numpy, scipy and scikit-image.
"""

import json
import pathlib
import warnings

import numpy as np
from scipy.ndimage import gaussian_filter, label
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from skimage.measure import regionprops

HERE = pathlib.Path(__file__).parent
PIXEL_UM = (0.16, 0.2)


def blob(rng, shape):
    """The largest 26-connected piece of thresholded smooth noise, or thin scatter for small shapes."""
    noise = gaussian_filter(rng.normal(size=shape), rng.uniform(0.6, 1.2))
    labels, n = label(noise > np.quantile(noise, rng.uniform(0.55, 0.85)), np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel())[1:]
    return labels == 1 + int(np.argmax(sizes))


def number(value):
    value = float(value)
    return value if np.isfinite(value) else None


def measure(mask, dff):
    """Expected values of one object; mask and dff are the bounding box and some margin, in (t, y, x)."""
    weights = np.where(mask, np.maximum(dff, 0), 0)
    solid = regionprops(mask.astype(np.uint8), weights)[0]
    footprint = mask.any(axis=0)
    flat = regionprops(footprint.astype(np.uint8))[0]
    scaled = regionprops(footprint.astype(np.uint8), spacing=PIXEL_UM)[0]
    t0, y0, x0, t1, y1, x1 = solid.bbox
    box = np.where(mask, dff, 0)[t0:t1, y0:y1, x0:x1]
    profile = box.mean(axis=(1, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hull_voxels = int(solid.area_convex)
    return {
        "centroid": [float(c) for c in solid.centroid_weighted],
        "n_voxels": int(solid.area),
        "area_px": int(flat.area),
        "dff_mean": float(dff[mask].mean()),
        "dff_max": float(dff[mask].max()),
        "major_vox": float(solid.axis_major_length),
        "minor_vox": float(solid.axis_minor_length),
        "spatial_aspect": min(y1 - y0, x1 - x0) / max(y1 - y0, x1 - x0),
        "n_frames": int(t1 - t0),
        "solidity": solid.area / hull_voxels if hull_voxels else None,
        "major_um": float(scaled.axis_major_length),
        "minor_um": float(scaled.axis_minor_length),
        "footprint_solidity": float(flat.solidity),
        "integrated_profile": float(profile.sum()),
        "max_profile": float(profile.max()),
        "std_profile": float(profile.std()),
    }


def measure_golden():
    rng = np.random.default_rng(20250)
    objects = []
    shapes = [(3, 4, 4), (4, 6, 5), (5, 7, 7), (6, 9, 6), (8, 8, 8), (1, 7, 6), (7, 1, 6), (2, 9, 9)]
    for i in range(32):
        shape = shapes[i % len(shapes)]
        mask = np.zeros(tuple(s + 2 for s in shape), bool)
        mask[1:-1, 1:-1, 1:-1] = blob(rng, shape)
        # Values that float32 holds exactly, some of them negative.
        dff = np.float32(rng.normal(1.0, 0.6, mask.shape)).astype(np.float64)
        expected = measure(mask, dff)
        origin = rng.integers([0, 0, 0], [80, 24, 24])
        voxels = np.argwhere(mask)
        expected["centroid"] = [float(c + o) for c, o in zip(expected["centroid"], origin)]
        objects.append({
            "voxels": (voxels + origin).tolist(),
            "dff": [float(v) for v in dff[mask]],
            "expected": expected,
        })
    centroids = np.array([o["expected"]["centroid"] for o in objects])
    um = centroids[:, 1:] * PIXEL_UM
    for points, name in [(centroids, "nn_vox"), (centroids[:, 1:], "spatial_nn_px"), (um, "spatial_nn_um")]:
        nearest = cKDTree(points).query(points, k=2)[0][:, 1]
        for o, distance in zip(objects, nearest):
            o["expected"][name] = float(distance)
    for points, limit, name in [(um, 0.96, "n_neighbours"), (centroids[:, 1:], 6.0, "n_neighbours_published")]:
        counts = cKDTree(points).query_ball_point(points, limit, return_length=True) - 1
        for o, n in zip(objects, counts):
            o["expected"][name] = int(n)
    return {"pixel_um": PIXEL_UM, "objects": objects}


def published_match(truth, pred):
    if len(truth) == 0 or len(pred) == 0:
        return []
    d = np.sqrt(((truth[:, None] - pred[None]) ** 2).sum(-1))
    rows = np.flatnonzero((d < 6).any(1))
    cols = np.flatnonzero((d < 6).any(0))
    d = d[np.ix_(rows, cols)]
    r, c = linear_sum_assignment(np.log(d + 1e-6))
    keep = d[r, c] < 6
    return [[int(rows[i]), int(cols[j])] for i, j in zip(r[keep], c[keep])]


def physical_match(truth, pred, space, time):
    if len(truth) == 0 or len(pred) == 0:
        return 0, 0.0
    ds = np.hypot(truth[:, None, 1] - pred[None, :, 1], truth[:, None, 2] - pred[None, :, 2]) / space
    dt = np.abs(truth[:, None, 0] - pred[None, :, 0]) / time
    possible = (ds < 1) & (dt < 1)
    cost = np.where(possible, np.hypot(ds, dt), 1e4)
    r, c = linear_sum_assignment(cost)
    keep = possible[r, c]
    return int(keep.sum()), float(cost[r, c][keep].sum())


def published_ap(precision, recall):
    """Lists by rising threshold."""
    precision, recall = precision[::-1], recall[::-1]
    cut = int(np.argmax(recall))
    if cut == 0:
        return None
    grid = np.linspace(0, 1, 100)
    held = np.interp(grid, recall[:cut], precision[:cut])
    return float(np.sum(np.diff(grid) * held[1:]))


def detection_golden():
    rng = np.random.default_rng(4711)
    cases = []
    for n_truth, n_noise, jitter, box in [(40, 25, 1.5, 60), (30, 10, 0.5, 200), (50, 60, 2.5, 40), (5, 0, 1.0, 50)]:
        truth = np.round(rng.uniform(0, box, (n_truth, 3)), 2)
        found = truth[rng.random(n_truth) < 0.8]
        pred = np.concatenate([found + rng.normal(0, jitter, found.shape), rng.uniform(0, box, (n_noise, 3))])
        pred = np.round(pred, 2)
        score = np.round(np.concatenate([rng.beta(4, 2, len(found)), rng.beta(2, 4, n_noise)]), 3)
        order = rng.permutation(len(pred))
        pred, score = pred[order], score[order]
        thresholds = np.linspace(0.01, 0.99, 100)
        paper, physical = [], []
        for threshold in thresholds:
            kept = pred[score >= threshold]
            for curve, tp in [
                (paper, len(published_match(truth, kept))),
                (physical, physical_match(truth, kept, 6.0, 4.0)[0]),
            ]:
                curve.append((tp / (len(kept) + 1e-6), tp / (n_truth + 1e-6)))
        ap = 0.0
        reached = 0
        for threshold in np.unique(score)[::-1]:
            kept = pred[score >= threshold]
            tp = physical_match(truth, kept, 6.0, 4.0)[0]
            ap += (tp - reached) / n_truth * tp / len(kept)
            reached = tp
        tp, cost = physical_match(truth, pred, 6.0, 4.0)
        cases.append({
            "truth": truth.tolist(),
            "prediction": pred.tolist(),
            "score": score.tolist(),
            "paper_pairs": sorted(published_match(truth, pred)),
            "paper_precision": [p for p, _ in paper],
            "paper_recall": [r for _, r in paper],
            "paper_ap_paper": published_ap(*map(list, zip(*paper))),
            "physical_space_px": 6.0,
            "physical_time_frames": 4.0,
            "physical_tp": tp,
            "physical_cost": cost,
            "physical_ap": ap,
            "physical_ap_paper": published_ap(*map(list, zip(*physical))),
        })
    return {"cases": cases}


if __name__ == "__main__":
    for name, golden in [("measure.json", measure_golden()), ("detection.json", detection_golden())]:
        (HERE / name).write_text(json.dumps(golden, separators=(",", ":")) + "\n")
