#!/usr/bin/env python3
"""Score a folder of `sparkwave waves run` against a folder of `simulate_waves.py`.

    score_waves.py RUN TRUTH                      reads episodes.csv, waves.csv, masks.tif, rate.csv of RUN
    score_waves.py --threshold-baseline TRUTH...  the naive comparison on seconds.tif

Definitions
- Episodes are matched one to one by temporal IoU (largest total); found means IoU >= 0.5. A predicted episode is false
  when it has no second in common with any true one; the others are extra pieces or badly placed.
- Waves are matched one to one by the voxels that their masks share (largest total).
- Frame Dice of a wave: the mean over every interval in which the wave or its match has a mask, so that an interval with
  only one of the two scores 0. `truth frames` leaves the predicted-only intervals out. Pooled: over all voxels at once.
- Intervals at whose ends no frame was recorded are not scored (`invalid_intervals` of the truth, or `valid` 0 in
  rate.csv where the truth agrees that a second is missing).
- An id swap: an interval in which most of a matched mask's true pixels belong to another wave. Leak: the share of a
  matched mask's true pixels that belong to another wave, over the intervals in which both waves are present.
- Baseline: differences of the second's means over 5 s, relative, smoothed, minus the median of the cortex, no
  registration, cut at 35 % of the true peak rise of the wave present, the true cortex, and the true hemisphere known.
  One mask a hemisphere, compared with the union of the true masks there, in the intervals that have one.
  `--true-motion` undoes the true motion first: what registration alone could gain.
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import tifffile
from scipy import ndimage as ndi
from scipy.optimize import linear_sum_assignment

FOUND_IOU = 0.5
SMOOTHING_MM = 0.06  # SD of the baseline's Gaussian


def dice(a, b):
    total = int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 2.0 * int(np.count_nonzero(a & b)) / total if total else float("nan")


def interval_iou(a, b):
    shared = min(a[1], b[1]) - max(a[0], b[0])
    return max(shared, 0.0) / (max(a[1], b[1]) - min(a[0], b[0])) if shared > 0 else 0.0


def assign(gain):
    """One-to-one pairs (row, column) of the largest total gain; pairs without gain are left out."""
    gain = np.asarray(gain, float)
    if gain.size == 0:
        return []
    return [(int(r), int(c)) for r, c in zip(*linear_sum_assignment(-gain)) if gain[r, c] > 0]


def read_table(path):
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def number(row, *names):
    for name in names:
        if row.get(name) not in (None, ""):
            return float(row[name])
    return float("nan")


def score_episodes(truth, predicted):
    """truth and predicted: lists of (start_s, end_s)."""
    iou = [[interval_iou(t, p) for p in predicted] for t in truth]
    pairs = assign(iou)
    best = {t: iou[t][p] for t, p in pairs}
    found = sum(v >= FOUND_IOU for v in best.values())
    false = sum(all(interval_iou(t, p) == 0 for t in truth) for p in predicted)
    return dict(
        n_truth=len(truth),
        n_predicted=len(predicted),
        found=found,
        recall=found / len(truth) if truth else float("nan"),
        false=false,
        iou=[best.get(t, 0.0) for t in range(len(truth))],
    )


def score_masks(truth, predicted, skip=()):
    """Both [N, Y, X] of ids. Returns the pairs and, for every true wave, its Dice figures."""
    n = min(len(truth), len(predicted))
    t_ids = [int(i) for i in np.unique(truth) if i]
    p_ids = [int(i) for i in np.unique(predicted) if i]
    frames = [i for i in range(n) if i not in set(skip)]
    shared = np.zeros((len(t_ids), len(p_ids)))
    t_area, p_area = np.zeros((len(t_ids), n)), np.zeros((len(p_ids), n))
    both = np.zeros((len(t_ids), len(p_ids), n))
    t_row = {w: k for k, w in enumerate(t_ids)}
    p_row = {w: k for k, w in enumerate(p_ids)}
    for i in frames:
        t, p = truth[i], predicted[i]
        for w, c in zip(*np.unique(t[t > 0], return_counts=True)):
            t_area[t_row[int(w)], i] = c
        for w, c in zip(*np.unique(p[p > 0], return_counts=True)):
            p_area[p_row[int(w)], i] = c
        overlap = (t > 0) & (p > 0)
        codes, counts = np.unique(t[overlap].astype(np.int64) * 2**32 + p[overlap].astype(np.int64), return_counts=True)
        for code, c in zip(codes, counts):
            both[t_row[int(code >> 32)], p_row[int(code & 0xFFFFFFFF)], i] = c
    shared = both.sum(2)
    pairs = dict(assign(shared))
    waves = []
    for k, w in enumerate(t_ids):
        row = dict(
            wave_id=w,
            match=None,
            frame_dice=0.0,
            truth_frame_dice=0.0,
            pooled_dice=0.0,
            n_frames=int((t_area[k] > 0).sum()),
        )
        if k in pairs:
            m = pairs[k]
            total = t_area[k] + p_area[m]
            per_frame = 2 * both[k, m] / np.maximum(total, 1)
            others = np.delete(both[:, m], k, axis=0)  # this mask's pixels in the other true waves
            together = (t_area[k] > 0) & (np.delete(t_area, k, axis=0) > 0).any(0)
            hits = both[k, m] + others.sum(0)
            row.update(
                match=p_ids[m],
                frame_dice=float(per_frame[total > 0].mean()),
                truth_frame_dice=float(per_frame[t_area[k] > 0].mean()),
                pooled_dice=float(2 * both[k, m].sum() / total.sum()),
                missed_frames=int(((t_area[k] > 0) & (p_area[m] == 0)).sum()),
                extra_frames=int(((t_area[k] == 0) & (p_area[m] > 0)).sum()),
                overlap_frames=int(together.sum()),
                id_swaps=int((others.max(0, initial=0) > both[k, m]).sum()),
                leak=float(others.sum(0)[together].sum() / max(hits[together].sum(), 1)),
                per_frame={int(i): round(float(per_frame[i]), 3) for i in np.flatnonzero(total)},
            )
        waves.append(row)
    unmatched = [p for k, p in enumerate(p_ids) if k not in pairs.values()]
    union = [dice(truth[i] > 0, predicted[i] > 0) for i in frames if t_area[:, i].any()]
    return dict(waves=waves, unmatched=unmatched, union_dice=float(np.mean(union)) if union else float("nan"))


def score_run(run, truth_dir):
    run, truth_dir = Path(run), Path(truth_dir)
    truth = json.loads((truth_dir / "truth.json").read_text())
    truth_masks = tifffile.imread(truth_dir / "truth_masks.tif")
    predicted = read_table(run / "episodes.csv")
    skip = set(truth["invalid_intervals"])
    result = dict(
        episodes=score_episodes(
            [(e["start_s"], e["end_s"]) for e in truth["episodes"]],
            [(number(e, "start_s"), number(e, "end_s")) for e in predicted],
        )
    )
    rates = read_table(run / "rate.csv")
    if rates:
        starts = np.array([number(r, "t_start_s") for r in rates])
        expected = truth["interval_s"] * np.arange(len(starts))
        offset = float(np.abs(starts - starts[0] - expected).max())
        result["interval_offset_s"] = offset
        if offset > 0.5:
            result["warning"] = f"the run's intervals are not those of the truth (up to {offset:.1f} s apart)"
        missing = set(truth["missing_seconds"])
        for i, row in enumerate(rates):
            ends = (truth["interval_s"] * i, truth["interval_s"] * (i + 1))
            if row.get("valid", "1").strip().lower() in ("0", "false") and missing.intersection(ends):
                skip.add(i)
    path = run / "masks.tif"
    masks = tifffile.imread(path) if path.exists() else np.zeros_like(truth_masks)
    if masks.ndim == 2:
        masks = masks[None]
    if masks.shape[1:] != truth_masks.shape[1:]:
        raise SystemExit(f"{path}: planes of {masks.shape[1:]}, the truth has {truth_masks.shape[1:]}")
    if len(masks) < len(truth_masks):
        padding = np.zeros((len(truth_masks) - len(masks), *masks.shape[1:]), masks.dtype)
        masks = np.concatenate([masks, padding])
    result["n_intervals"] = (len(truth_masks), len(masks) if path.exists() else 0)
    scored = score_masks(truth_masks, masks, skip)
    table = {int(float(r["wave_id"])): r for r in read_table(run / "waves.csv")}
    by_id = {w["wave_id"]: w for w in truth["waves"]}
    mm = truth["mm_per_px"]
    for row in scored["waves"]:
        true, mine = by_id[row["wave_id"]], table.get(row["match"])
        if mine is not None:
            row["speed_mm_min"] = number(mine, "speed_mm_min")
            row["speed_error_pct"] = 100 * (row["speed_mm_min"] / true["speed_mm_min"] - 1)
            y, x = number(mine, "origin_y_px") * mm, number(mine, "origin_x_px") * mm
            if not np.isfinite(y + x):
                y, x = number(mine, "origin_y_mm"), number(mine, "origin_x_mm")
            row["origin_error_mm"] = float(np.hypot(y - true["origin_y_mm"], x - true["origin_x_mm"]))
            row["side_right"] = mine.get("side", "") == true["side"]
    result.update(scored)
    count = [w["frame_dice"] for w in scored["waves"]]
    result["mean_frame_dice"] = float(np.mean(count)) if count else float("nan")
    result["skipped_intervals"] = sorted(skip)
    return result


def report(result):
    e = result["episodes"]
    print(
        f"episodes: {e['found']}/{e['n_truth']} found (IoU >= {FOUND_IOU}), {e['false']} false,",
        f"{e['n_predicted']} predicted; IoU",
        *(f"{v:.2f}" for v in e["iou"]),
    )
    if "warning" in result:
        print("warning:", result["warning"])
    for w in result["waves"]:
        if w["match"] is None:
            print(f"wave {w['wave_id']}: no match, {w['n_frames']} frames")
            continue
        line = (
            f"wave {w['wave_id']} = {w['match']}: Dice {w['frame_dice']:.3f} a frame, "
            f"{w['truth_frame_dice']:.3f} truth frames, {w['pooled_dice']:.3f} pooled"
            f" ({w['n_frames']} frames, {w['missed_frames']} missed, {w['extra_frames']} extra)"
        )
        if "speed_mm_min" in w:
            line += f"; speed {w['speed_mm_min']:.2f} mm/min ({w['speed_error_pct']:+.1f} %)"
            line += f", origin {w['origin_error_mm']:.2f} mm off"
            line += "" if w["side_right"] else ", WRONG SIDE"
        if w["overlap_frames"]:
            line += f"; {w['id_swaps']} id swaps, leak {100 * w['leak']:.1f} % in {w['overlap_frames']} shared frames"
        print(line)
    print(
        f"mean Dice {result['mean_frame_dice']:.3f}; of the union, truth frames: {result['union_dice']:.3f}; "
        f"unmatched predicted waves: {len(result['unmatched'])}"
    )


def threshold_baseline(truth_dir, smoothing_mm=SMOOTHING_MM, true_motion=False):
    truth_dir = Path(truth_dir)
    truth = json.loads((truth_dir / "truth.json").read_text())
    masks = tifffile.imread(truth_dir / "truth_masks.tif")
    cortex = tifffile.imread(truth_dir / "truth_cortex.tif") > 0
    seconds = tifffile.memmap(truth_dir / "seconds.tif", mode="r")
    sigma = smoothing_mm / truth["mm_per_px"]
    step = truth["interval_s"]
    left = tifffile.imread(truth_dir / "truth_left.tif") > 0
    motion = np.array([(float(r["y_px"]), float(r["x_px"])) for r in read_table(truth_dir / "truth_motion.csv")])
    scores, false_px = {}, []
    for i in range(len(masks)):
        if i in truth["invalid_intervals"]:
            continue
        before, after = (np.asarray(seconds[j]) for j in (step * i, step * (i + 1)))
        if true_motion:
            before, after = (
                ndi.shift(a, -motion[j], order=3, mode="nearest")
                for a, j in ((before, step * i), (after, step * (i + 1)))
            )
        rise = ndi.gaussian_filter(after / before - 1, sigma)
        rise -= np.median(rise[cortex])
        for side, half in (("left", cortex & left), ("right", cortex & ~left)):
            here = [w for w in truth["waves"] if w["side"] == side and (masks[i] == w["wave_id"]).any()]
            if here:
                peak = min(w["peak_rise"] for w in here)
                value = dice((rise >= 0.35 * peak) & half, (masks[i] > 0) & half)
                for w in here:
                    scores.setdefault(w["wave_id"], []).append(value)
            elif not any(w["side"] == side and abs(w["start_s"] - i * step) < 300 for w in truth["waves"]):
                false_px.append(((rise >= 0.35 * 0.0135) & half).sum() / half.sum())
    return {w: float(np.mean(v)) for w, v in scores.items()}, float(np.mean(false_px)) if false_px else float("nan")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", help="RUN TRUTH, or truth folders with --threshold-baseline")
    parser.add_argument("--threshold-baseline", action="store_true")
    parser.add_argument(
        "--true-motion", action="store_true", help="of the baseline: undo the true mean motion of each second first"
    )
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    if a.threshold_baseline:
        for folder in a.folders:
            per_wave, false = threshold_baseline(folder, true_motion=a.true_motion)
            mean = np.mean(list(per_wave.values())) if per_wave else float("nan")
            text = " ".join(f"{v:.3f}" for v in per_wave.values())
            print(
                f"{folder}: Dice {mean:.3f} ({text}); "
                f"{100 * false:.1f} % of a quiet hemisphere above the threshold of a 3 % wave"
            )
        return
    if len(a.folders) != 2:
        parser.error("expected RUN TRUTH")
    result = score_run(*a.folders)
    if a.json:
        print(json.dumps(result))
    else:
        report(result)


if __name__ == "__main__":
    main()
