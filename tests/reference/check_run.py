#!/usr/bin/env python3
"""Score the output folder of `sparkwave sparks run` against a folder written by simulate.py."""

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import tifffile

from scoring import best_pairs, curve_of


def columns(path, names):
    """Named columns of a CSV as floats, [n, len(names)]; a name may be a tuple of alternatives."""
    with open(path, newline="") as f:
        rows = list(csv.DictReader(f))
    out = np.full((len(rows), len(names)), np.nan)
    for j, alternatives in enumerate(names):
        for i, row in enumerate(rows):
            alternatives = (alternatives,) if isinstance(alternatives, str) else alternatives
            text = next((row[a] for a in alternatives if a in row), None)
            if text is None:
                raise SystemExit(f"{path}: expected a column {' or '.join(alternatives)}, found {', '.join(row)}")
            out[i, j] = float(text) if text != "" else np.nan
    return out


def drift_error(run, truth):
    """RMS length of the difference, plain and with its mean over frames taken off (another reference frame)."""
    n = min(len(run), len(truth))
    difference = run[:n] - truth[:n]
    plain = np.sqrt((difference**2).sum(1).mean())
    return plain, np.sqrt(((difference - difference.mean(0)) ** 2).sum(1).mean())


def dice_of_pairs(labels, truth_labels, pairs):
    """Mean over matched events of 2 |A and B| / (|A| + |B|) on their voxels; `pairs` are (label, true label)."""
    size = np.bincount(labels.ravel())
    true_size = np.bincount(truth_labels.ravel())
    both = (labels > 0) & (truth_labels > 0)
    width = int(truth_labels.max()) + 1
    joint = np.bincount(labels[both].astype(np.int64) * width + truth_labels[both], minlength=len(size) * width)
    scores = []
    for a, b in pairs:
        total = (size[a] if a < len(size) else 0) + (true_size[b] if b < len(true_size) else 0)
        common = joint[a * width + b] if a < len(size) and b < width else 0
        scores.append(2 * common / total if total else 0.0)
    return float(np.mean(scores)) if scores else float("nan")


def shifted(labels, drift):
    """Labels as they lie in the raw frames: every plane moved by the rounded drift."""
    out = np.zeros_like(labels)
    height, width = labels.shape[1:]
    for t, (dy, dx) in enumerate(np.rint(drift[: len(labels)]).astype(int)):
        ys, xs = slice(max(dy, 0), height + min(dy, 0)), slice(max(dx, 0), width + min(dx, 0))
        yo, xo = slice(max(-dy, 0), height + min(-dy, 0)), slice(max(-dx, 0), width + min(-dx, 0))
        out[t, ys, xs] = labels[t, yo, xo]
    return out


def check(run, truth):
    facts = json.loads((truth / "simulation.json").read_text())
    dt_s, pixel_um = facts["frame_interval_s"], facts["pixel_size_um"]
    true_events = columns(truth / "truth.csv", ["t_frame", "y_px", "x_px", "event_id", "peak_dff"])
    events = columns(run / "events.csv", [("t_peak_frame", "t_frame"), "y_px", "x_px", "event_id", "score"])
    result = {"n_true": len(true_events), "n_found": len(events)}

    if (run / "drift.csv").exists():
        true_drift = columns(truth / "drift.csv", ["y_px", "x_px"])
        drift = columns(run / "drift.csv", ["y_px", "x_px"])
        result["drift_rms_px"], result["drift_rms_px_mean_removed"] = drift_error(drift, true_drift)
        if drift_error(-drift, true_drift)[1] < result["drift_rms_px_mean_removed"]:
            result["drift_note"] = "the sign of drift.csv looks reversed: expected the displacement of the content"

    pairs = best_pairs(true_events[:, :3], events[:, :3], dt_s, pixel_um)
    tp = len(pairs)
    result["precision"] = tp / max(len(events), 1)
    result["recall"] = tp / max(len(true_events), 1)
    result["f1"] = 2 * tp / max(len(events) + len(true_events), 1)
    dim = true_events[:, 4] < np.median(true_events[:, 4])
    hit = np.isin(np.arange(len(true_events)), pairs[:, 0])
    result["recall_dim_half"], result["recall_bright_half"] = float(hit[dim].mean()), float(hit[~dim].mean())
    if len(events) and np.isfinite(events[:, 4]).all():
        curve, ap = curve_of(true_events[:, :3], events[:, :3], events[:, 4], dt_s, pixel_um)
        best = max(curve, key=lambda p: p.f1)
        result["ap"], result["best_f1"], result["best_f1_threshold"] = ap, best.f1, best.threshold
    if tp:
        offset = events[pairs[:, 1], :3] - true_events[pairs[:, 0], :3]
        result["median_offset_t_y_x"] = [round(float(v), 3) for v in np.median(offset, 0)]
        result["localisation_rms_px"] = float(np.sqrt((offset[:, 1:] ** 2).sum(1).mean()))

    if (run / "labels.tif").exists() and tp:
        labels = tifffile.imread(run / "labels.tif")
        true_labels = tifffile.imread(truth / "labels.tif")
        ids = [(int(events[j, 3]), int(true_events[i, 3])) for i, j in pairs]
        result["dice_registered"] = dice_of_pairs(labels, true_labels, ids)
        true_drift = columns(truth / "drift.csv", ["y_px", "x_px"])
        result["dice_raw_frames"] = dice_of_pairs(labels, shifted(true_labels, true_drift), ids)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="output folder of `sparkwave sparks run`")
    parser.add_argument("truth", type=Path, help="folder written by simulate.py")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    result = check(args.run, args.truth)
    if args.json:
        print(json.dumps(result))
        return
    for key, value in result.items():
        print(f"{key:28s} {value:.4f}" if isinstance(value, float) else f"{key:28s} {value}")


if __name__ == "__main__":
    main()
