"""Match detections to true events and score them: an implementation of its own, for comparison with the workspace's."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

DISTANCE_UM, DELAY_S = 0.96, 0.6  # 6 px and 6 frames at the published 0.16 um and 0.1 s; both bounds belong to a match


class Point(NamedTuple):
    """One threshold of a precision-recall curve."""

    threshold: float
    tp: int
    n_found: int
    precision: float
    recall: float
    f1: float


def pairs_within(truth, found, dt_s, pixel_um):
    """(allowed, cost), both [n_truth, n_found]; rows of the inputs are (t_frame, y_px, x_px)."""
    delay = np.abs(truth[:, None, 0] - found[None, :, 0]) * dt_s / DELAY_S
    apart_px = np.hypot(truth[:, None, 1] - found[None, :, 1], truth[:, None, 2] - found[None, :, 2])
    distance = apart_px * pixel_um / DISTANCE_UM
    return (distance <= 1 + 1e-9) & (delay <= 1 + 1e-9), np.hypot(distance, delay)


def best_pairs(truth, found, dt_s, pixel_um):
    """The largest set of allowed pairs, and among those the closest: rows (truth index, found index)."""
    allowed, cost = pairs_within(truth, found, dt_s, pixel_um)
    # A forbidden pair costs more than all allowed pairs together, so the assignment never trades a match for distance.
    rows, columns = linear_sum_assignment(np.where(allowed, cost, 2.0 * (min(cost.shape) + 1)))
    keep = allowed[rows, columns]
    return np.column_stack([rows[keep], columns[keep]])


def curve_of(truth, found, scores, dt_s, pixel_um):
    """(points at every distinct score, AP): maximum matchings grown by augmenting paths, one detection at a time.

    AP = sum over points of (R_n - R_n-1) P_n; nothing is added beyond the recall that was reached.
    """
    order = np.argsort(-scores, kind="stable")
    allowed, _ = pairs_within(truth, found[order], dt_s, pixel_um)
    partner = {}  # truth index -> detection

    def augment(detection, seen):
        for t in np.flatnonzero(allowed[:, detection]):
            if t not in seen:
                seen.add(t)
                if t not in partner or augment(partner[t], seen):
                    partner[t] = detection
                    return True
        return False

    points, ap, last_recall = [], 0.0, 0.0
    for n, i in enumerate(order, 1):
        augment(n - 1, set())
        if n < len(order) and scores[order[n]] == scores[i]:
            continue
        tp = len(partner)
        precision, recall = tp / n, tp / max(len(truth), 1)
        points.append(Point(float(scores[i]), tp, n, precision, recall, 2 * tp / (n + len(truth))))
        ap += (recall - last_recall) * precision
        last_recall = recall
    return points or [Point(np.nan, 0, 0, 0.0, 0.0, 0.0)], ap
