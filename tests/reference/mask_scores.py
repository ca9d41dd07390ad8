#!/usr/bin/env python3
"""Write golden/mask_scores.json: scores of masks by established packages or straight from the papers.

`python3 mask_scores.py` writes it, `--check` compares. It needs NumPy, SciPy, scikit-image and scikit-learn. Dice and
intersection over union are counted; Cohen's kappa is scikit-learn's; outlines are SciPy's erosion and distances its exact
Euclidean distance transform; J, F and their course follow the DAVIS papers (boundary by comparison with the right, lower
and lower right pixel, matched by dilation with a disk of 0.8 % of the diagonal, rounded up); panoptic quality follows
Kirillov et al. 2019. Images are stored as rows of digits.
"""

import json
import sys
from pathlib import Path

import numpy as np
import scipy
import skimage
import sklearn
from scipy.ndimage import binary_erosion, distance_transform_edt, gaussian_filter, label
from skimage.morphology import disk
from sklearn.metrics import cohen_kappa_score

TARGET = Path(__file__).resolve().parent / "golden" / "mask_scores.json"
SEED = 20266
SHAPE = (26, 34)
PIXEL = (0.5, 0.8)
TOLERANCE = 1.0


def blobs(rng, part, sigma):
    field = gaussian_filter(rng.normal(size=SHAPE), sigma)
    labels, n = label(field > np.quantile(field, 1 - part))
    return np.where(labels > 9, 0, labels)


def moved(rng, labels):
    """The same objects elsewhere, under other labels, some of them gone, some grown."""
    out = np.zeros_like(labels)
    for i in range(1, labels.max() + 1):
        if rng.random() < 0.2:
            continue
        shift = rng.integers(-2, 3, 2)
        mask = np.zeros_like(labels, bool)
        ys, xs = np.nonzero(labels == i)
        ys, xs = ys + shift[0], xs + shift[1]
        keep = (ys >= 0) & (ys < SHAPE[0]) & (xs >= 0) & (xs < SHAPE[1])
        mask[ys[keep], xs[keep]] = True
        out[mask] = (i + 3) % 9 + 1
    return out


def cases(rng):
    empty = np.zeros(SHAPE, int)
    pixel = empty.copy()
    pixel[7, 9] = 1
    corner = empty.copy()
    corner[0, 0] = 2
    yield "both empty", empty, empty
    yield "one pixel missed", pixel, empty
    yield "one pixel made up", empty, pixel
    yield "two single pixels", pixel, corner
    yield "the whole image", empty + 1, empty + 1
    yield "the whole image against a pixel", empty + 1, pixel
    ring = empty.copy()
    ring[5:20, 6:25] = 3
    ring[9:15, 10:20] = 0
    yield "a ring and its hole filled", ring, np.where(distance_transform_edt(ring == 0) < 8, 3, ring)
    for i in range(14):
        truth = blobs(rng, rng.uniform(0.05, 0.6), rng.uniform(1, 3))
        yield f"objects moved {i}", truth, moved(rng, truth)
    for i in range(4):
        yield f"unrelated {i}", blobs(rng, 0.3, 1.5), blobs(rng, 0.4, 1)


def ratio(part, whole):
    return float(part / whole) if whole > 0 else None


def outline(mask):
    return mask & ~binary_erosion(mask)


def surface(a, b):
    """Distances of both outlines, near parts, F."""
    ra, rb = outline(a), outline(b)
    if not ra.any() and not rb.any():
        return {"f": None, "mean": None, "p95": None, "max": None}
    if not ra.any() or not rb.any():
        return {"f": 0.0, "mean": None, "p95": None, "max": None}
    to_b = distance_transform_edt(~rb, sampling=PIXEL)[ra]
    to_a = distance_transform_edt(~ra, sampling=PIXEL)[rb]
    both = np.concatenate([to_b, to_a])
    # Distances of exactly the tolerance count in on either side of rounding.
    recall, precision = (to_b <= TOLERANCE + 1e-9).mean(), (to_a <= TOLERANCE + 1e-9).mean()
    f = 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0
    return {"f": float(f), "mean": float(both.mean()), "p95": float(np.percentile(both, 95)), "max": float(both.max())}


def davis_edge(mask):
    edge = np.zeros_like(mask)
    edge[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    edge[:-1, :] |= mask[:-1, :] != mask[1:, :]
    edge[:-1, :-1] |= mask[:-1, :-1] != mask[1:, 1:]
    return edge


def dilated(edge, radius):
    footprint = disk(radius).astype(bool)
    out = np.zeros_like(edge)
    for dy, dx in np.argwhere(footprint) - radius:
        ys, xs = np.nonzero(edge)
        ys, xs = ys + dy, xs + dx
        keep = (ys >= 0) & (ys < edge.shape[0]) & (xs >= 0) & (xs < edge.shape[1])
        out[ys[keep], xs[keep]] = True
    return out


def davis(truth, found):
    union = (truth | found).sum()
    j = 1.0 if union == 0 else float((truth & found).sum() / union)
    radius = int(np.ceil(0.008 * np.linalg.norm(truth.shape)))
    edge_t, edge_f = davis_edge(truth), davis_edge(found)
    hit_f, hit_t = edge_f & dilated(edge_t, radius), edge_t & dilated(edge_f, radius)
    n_f, n_t = edge_f.sum(), edge_t.sum()
    if n_f == 0 and n_t > 0:
        precision, recall = 1.0, 0.0
    elif n_f > 0 and n_t == 0:
        precision, recall = 0.0, 1.0
    elif n_f == 0 and n_t == 0:
        precision, recall = 1.0, 1.0
    else:
        precision, recall = hit_f.sum() / n_f, hit_t.sum() / n_t
    f = 0.0 if precision + recall == 0 else float(2 * precision * recall / (precision + recall))
    return j, f


def course(scores):
    ids = (np.round(np.linspace(1, len(scores), 5) + 1e-10) - 1).astype(int)
    quarters = [scores[ids[i]:ids[i + 1] + 1] for i in range(4)]
    return {
        "scores": [float(s) for s in scores],
        "mean": float(np.mean(scores)),
        "recall": float(np.mean(scores > 0.5)),
        "decay": float(np.mean(quarters[0]) - np.mean(quarters[3])),
    }


def panoptic(truth, found):
    ious = []
    for t in np.unique(truth[truth > 0]):
        for f in np.unique(found[found > 0]):
            a, b = truth == t, found == f
            iou = (a & b).sum() / (a | b).sum()
            if iou > 0.5:
                ious.append(iou)
    tp = len(ious)
    n_t, n_f = len(np.unique(truth[truth > 0])), len(np.unique(found[found > 0]))
    half = (n_t - tp + n_f - tp) / 2
    return {
        "tp": tp, "fp": n_f - tp, "fn": n_t - tp,
        "sq": ratio(sum(ious), tp), "rq": ratio(tp, tp + half), "pq": ratio(sum(ious), tp + half),
    }


def digits(image):
    return ["".join(str(int(v)) for v in row) for row in image]


def score(name, truth, found, within):
    a, b = truth > 0, found > 0
    j, f = davis(a, b)
    kappa = None
    labels = np.concatenate([a[within], b[within]])
    if labels.any() and not labels.all():
        kappa = float(cohen_kappa_score(a[within].astype(int), b[within].astype(int), labels=[0, 1]))
    return {
        "name": name, "truth": digits(truth), "found": digits(found),
        "dice": ratio(2 * (a & b).sum(), a.sum() + b.sum()), "iou": ratio((a & b).sum(), (a | b).sum()),
        "kappa_within": kappa, "surface": surface(a, b), "j": j, "davis_f": f, "panoptic": panoptic(truth, found),
    }


def build():
    rng = np.random.default_rng(SEED)
    y, x = np.indices(SHAPE)
    within = (y - 12) ** 2 / 140 + (x - 16) ** 2 / 220 < 1
    scored = [score(name, np.asarray(t), np.asarray(f), within) for name, t, f in cases(rng)]
    courses = [course(rng.uniform(size=n)) for n in (1, 2, 3, 4, 5, 7, 10, 26, 103)]
    return {
        "provenance": {
            "program": "tests/reference/mask_scores.py", "seed": SEED, "numpy": np.__version__, "scipy": scipy.__version__,
            "scikit-image": skimage.__version__, "scikit-learn": sklearn.__version__,
        },
        "pixel": PIXEL, "tolerance": TOLERANCE, "within": digits(within), "cases": scored, "courses": courses,
    }


def main():
    text = json.dumps(build(), indent=1) + "\n"
    if "--check" in sys.argv[1:]:
        if TARGET.read_text() != text:
            sys.exit(f"{TARGET} differs")
    else:
        TARGET.write_text(text)


if __name__ == "__main__":
    main()
