#!/usr/bin/env python3
"""Write golden/stardist_geometry.json and golden/stardist_losses.json: what the StarDist package computes.

`python3 stardist_geometry.py` writes them, `python3 stardist_geometry.py --check` compares and exits with 1 on a
difference. Needs `pip install stardist==0.9.2` (rays, distances, rendering, suppression; TensorFlow is not used: the losses
are its formulas written in NumPy). One thread: with several, the suppression of the package varies a little, as its threads
add up the mean size of the boxes without waiting for each other.

Nothing large is stored: labels, shapes and predictions follow formulas that both sides evaluate in double precision, in
the order of operations given here. `scatter(i, j)` mixes the bits of i and j to a number from 0 to 1. Of arrays, a
checksum is kept: the sum of (2 k + 1) * value k modulo 2^64.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).resolve().parent / "golden"
SHAPE = (24, 40, 44)
GRID = (1, 2, 2)
ANISOTROPY = (1.7, 1.08, 1.0)
N_RAYS = 96

# Centre and semi-axes (t, y, x) of ellipsoids, the later on top: some touch, some are cut by the border, one is tiny.
ELLIPSOIDS = [
    ((6, 10, 10), (4.3, 6.2, 7.1)),
    ((6, 11, 23), (4.6, 7.3, 6.4)),
    ((17, 11, 12), (5.2, 6.6, 6.1)),
    ((0, 30, 8), (5.1, 6.3, 6.7)),
    ((12, 32, 43), (6.4, 6.9, 7.7)),
    ((13, 28, 24), (7.2, 8.3, 8.8)),
    ((20, 33, 33), (4.4, 6.1, 8.2)),
    ((21, 6, 36), (1.2, 1.3, 2.6)),
    ((7, 4, 37), (5.5, 5.5, 5.5)),
]


def mix(i, j):
    """64-bit integers in, uniform 32-bit integers out."""
    h = (np.asarray(i, np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.asarray(j, np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F))
    h ^= h >> np.uint64(29)
    h *= np.uint64(0xBF58476D1CE4E5B9)
    h ^= h >> np.uint64(32)
    return h >> np.uint64(32)


def scatter(i, j):
    return mix(i, j).astype(np.float64) / 4294967296.0


def checksum(values):
    v = np.ascontiguousarray(values).reshape(-1).astype(np.uint64)
    return int(np.sum((2 * np.arange(v.size, dtype=np.uint64) + np.uint64(1)) * v, dtype=np.uint64))


def depth():
    """Of every voxel the label, and 1 minus the squared radius in units of the ellipsoid."""
    t, y, x = np.meshgrid(*(np.arange(n, dtype=np.float64) for n in SHAPE), indexing="ij")
    labels = np.zeros(SHAPE, np.uint16)
    inside = np.zeros(SHAPE)
    for k, (c, r) in enumerate(ELLIPSOIDS):
        a, b, d = (t - c[0]) / r[0], (y - c[1]) / r[1], (x - c[2]) / r[2]
        rest = 1.0 - (a * a + b * b + d * d)
        labels[rest >= 0] = k + 1
        inside[rest >= 0] = rest[rest >= 0]
    return labels, inside


def stars(n, seed, shape, low, high, roughness, first_x=0):
    """Centres, scores and distances of n polyhedra: radii from low to high, each ray off by a part of them, but at least
    1e-3. The first columns are free of centres: far from the origin, rounding is coarser."""
    i = np.arange(n)
    size = (*shape[:2], shape[2] - first_x)
    centres = np.stack([mix(i, seed + axis) % np.uint64(size[axis]) for axis in range(3)], 1).astype(int)
    centres[:, 2] += first_x
    scores = scatter(i, seed + 3).astype(np.float32)
    radius = low + (high - low) * scatter(i, seed + 4)
    rays = 1.0 + roughness * (2.0 * scatter(i[:, None] * 4096 + np.arange(N_RAYS), seed + 5) - 1.0)
    return centres, scores, np.maximum(1e-3, radius[:, None] * rays).astype(np.float32)


def losses():
    """The losses of StarDist3D (models/base.py: prob_loss, masked_loss_mae), as Keras reduces them.

    Keras averages over the last axis within the loss and over all else after it; epsilon is 1e-7. The mask of the
    distances is the true probability itself, not where it is positive.
    """
    eps = 1e-7
    shape = (2, 4, 5, 6)
    n = int(np.prod(shape))
    k = np.arange(n)
    target = np.where(scatter(k, 900) < 0.4, scatter(k, 901), 0.0).reshape(shape)
    target.reshape(-1)[scatter(k, 902) < 0.1] = -1.0  # voxels whose loss is off
    probability = (0.01 + 0.98 * scatter(k, 903)).reshape(shape)
    rays = 8
    m = np.arange(n * rays)
    true = (12.0 * scatter(m, 904)).reshape(*shape, rays)
    true[target <= 0] = 0.0
    found = (12.0 * scatter(m, 905) - 1.0).reshape(*shape, rays)

    on = target >= 0
    p = np.clip(probability[on], eps, 1 - eps)
    q = target[on]
    bce = float(np.mean(-(q * np.log(p) + (1 - q) * np.log(1 - p))))
    clipped = np.clip(q, eps, 1)
    kld = bce_of(clipped, np.clip(probability[on], eps, 1)) - bce_of(clipped, clipped)

    def mae(mask, reg_weight):
        mask = mask[..., None]
        actual = np.mean(mask * np.abs(true - found), axis=-1)
        out = actual / (np.mean(mask) + eps)
        if reg_weight:
            out = out + reg_weight * np.mean((1 - mask) * np.abs(found), axis=-1)
        return float(np.mean(out))

    # Voxels that are off have the mask 0: the package appends the mask to the distances before it marks them.
    mask = np.maximum(target, 0)
    case = dict(
        shape=list(shape),
        rays=rays,
        epsilon=eps,
        formula="target: scatter(k,901) where scatter(k,902)>=0.1 and scatter(k,900)<0.4, -1 where scatter(k,902)<0.1; "
        "probability: 0.01+0.98*scatter(k,903); true distances: 12*scatter(m,904), 0 where target<=0; "
        "found: 12*scatter(m,905)-1; mask: target, at least 0; k counts voxels, m voxels times rays",
        probability_bce=bce,
        probability_kld=kld,
        distance_mae=mae(mask, 1e-4),
        distance_mae_unregularised=mae(mask, 0.0),
        total=bce + 0.2 * mae(mask, 1e-4),
    )
    return dict(
        provenance=dict(program="stardist_geometry.py", package="formulas of stardist 0.9.2 in NumPy", numpy=np.__version__),
        weights=[1.0, 0.2],
        background_regularisation=1e-4,
        case=case,
    )


def bce_of(q, p):
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return float(np.mean(-(q * np.log(p) + (1 - q) * np.log(1 - p))))


def geometry():
    from stardist.geometry import polyhedron_to_label, star_dist3D
    from stardist.lib.stardist3d import c_dist_to_volume
    from stardist.matching import relabel_sequential
    from stardist.nms import non_maximum_suppression_3d, non_maximum_suppression_3d_inds
    from stardist.rays3d import Rays_GoldenSpiral
    from stardist.utils import _edt_prob_scipy

    out = dict(
        provenance=dict(
            program="stardist_geometry.py",
            stardist=version("stardist"),
            numpy=np.__version__,
            scipy=version("scipy"),
            python=sys.version.split()[0],
        )
    )

    out["rays"] = []
    for n, anisotropy in [(N_RAYS, ANISOTROPY), (32, (1.0, 1.0, 1.0)), (64, (4.0, 1.0, 1.0))]:
        rays = Rays_GoldenSpiral(n, anisotropy=anisotropy)
        out["rays"].append(
            dict(
                n=n,
                anisotropy=list(anisotropy),
                vertices=[float(v) for v in rays.vertices.reshape(-1)],
                faces=rays.faces.reshape(-1).tolist(),
            )
        )
    rays = Rays_GoldenSpiral(N_RAYS, anisotropy=ANISOTROPY)

    labels, inside = depth()
    distances = star_dist3D(labels, rays, grid=GRID, mode="cpp")
    squares = np.rint(distances.astype(np.float64) ** 2).astype(np.int64)
    every = star_dist3D(labels, rays, mode="cpp")
    out["distances"] = dict(
        shape=list(SHAPE),
        ellipsoids=[[*c, *r] for c, r in ELLIPSOIDS],
        labels=checksum(labels),
        grid=list(GRID),
        squares=checksum(squares),
        squares_without_grid=checksum(np.rint(every.astype(np.float64) ** 2).astype(np.int64)),
    )

    out["probability"] = []
    for anisotropy in [(1.0, 1.0, 1.0), ANISOTROPY]:
        values = _edt_prob_scipy(labels, anisotropy=anisotropy)
        out["probability"].append(
            dict(
                anisotropy=list(anisotropy),
                total=float(values.astype(np.float64).sum()),
                every=211,
                values=[float(v) for v in values.reshape(-1)[::211]],
            )
        )
    full = np.full((5, 6, 7), 3, np.uint16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out["probability_one_object"] = [float(v) for v in _edt_prob_scipy(full, anisotropy=ANISOTROPY).reshape(-1)]

    out["render"] = []
    for n, seed, shape, first_x, low, high, roughness in [
        (12, 10, SHAPE, 0, 3.0, 9.0, 0.1),
        (25, 20, SHAPE, 0, 2.0, 12.0, 0.35),
        (40, 30, SHAPE, 0, 0.4, 3.0, 0.2),
        (25, 90, (16, 24, 1000), 970, 2.0, 9.0, 1.2),
    ]:
        centres, scores, found = stars(n, seed, shape, low, high, roughness, first_x)
        case = dict(
            n=n, seed=seed, shape=list(shape), first_x=first_x, radius=[low, high], roughness=roughness, labels={}
        )
        # Far from the origin, the centre of a ragged polyhedron lies on the surface of the kernel to within rounding.
        for mode in ["full", "hull", "bbox"] + ["kernel"] * (first_x == 0):
            drawn = polyhedron_to_label(found, centres, rays, shape, prob=scores, mode=mode, verbose=False)
            case["labels"][mode] = dict(checksum=checksum(drawn), sizes=np.bincount(drawn.reshape(-1), minlength=n + 1).tolist())
        drawn = polyhedron_to_label(found, centres, rays, shape, prob=scores, overlap_label=1000, verbose=False)
        case["labels"]["overlap"] = dict(
            checksum=checksum(drawn), sizes=np.bincount(drawn.reshape(-1), minlength=n + 1)[: n + 1].tolist()
        )
        case["volumes"] = [
            float(v)
            for v in c_dist_to_volume(found.reshape(n, 1, 1, -1), rays.vertices, rays.faces.astype(np.int32)).reshape(-1)
        ]
        out["render"].append(case)

    out["suppress"] = []
    for n, seed, shape, first_x, low, high, roughness in [
        (400, 40, (40, 60, 60), 0, 3.0, 8.0, 0.05),
        (400, 50, (30, 40, 40), 0, 2.0, 6.0, 0.2),
        (300, 60, (30, 40, 40), 0, 3.0, 9.0, 0.5),
        (300, 70, (12, 16, 16), 0, 0.5, 2.5, 0.3),
        (200, 100, (16, 24, 1000), 970, 2.0, 8.0, 1.2),
    ]:
        centres, scores, found = stars(n, seed, shape, low, high, roughness, first_x)
        case = dict(
            n=n, seed=seed, shape=list(shape), first_x=first_x, radius=[low, high], roughness=roughness, kept=[]
        )
        for overlap in [0.1, 0.3, 0.5, 0.7]:
            kept = non_maximum_suppression_3d_inds(found, centres, rays, scores, thresh=overlap, verbose=0)
            case["kept"].append(dict(overlap=overlap, indices=np.flatnonzero(kept).tolist()))
        out["suppress"].append(case)

    # A prediction: the truth on the grid, with noise.
    coarse = tuple(slice(None, None, g) for g in GRID)
    k = np.arange(inside[coarse].size)
    noisy = np.where(labels[coarse] > 0, 0.2 + 0.7 * inside[coarse], 0.0).reshape(-1) + 0.1 * scatter(k, 80)
    probability = noisy.astype(np.float32).reshape(inside[coarse].shape)
    m = np.arange(distances.size)
    off = 1.0 + 0.12 * (2.0 * scatter(m, 81) - 1.0)
    found = (distances.reshape(-1).astype(np.float64) * off - 0.4).astype(np.float32).reshape(distances.shape)
    found = np.maximum(np.float32(1e-3), found)
    out["instances"] = []
    for threshold, overlap, b in [(0.5, 0.3, 2), (0.3, 0.4, 0), (0.25, 0.6, 1)]:
        points, scores, kept = non_maximum_suppression_3d(
            found, probability, rays, grid=GRID, b=b, prob_thresh=threshold, nms_thresh=overlap
        )
        drawn = polyhedron_to_label(kept, points, rays, SHAPE, prob=scores, verbose=False)
        drawn, _, _ = relabel_sequential(drawn)
        out["instances"].append(
            dict(
                probability=threshold,
                overlap=overlap,
                border=b,
                candidates=int((probability > np.float32(threshold)).sum()),
                centres=points.reshape(-1).tolist(),
                scores=[float(s) for s in scores],
                labels=checksum(drawn),
                sizes=np.bincount(drawn.reshape(-1)).tolist(),
            )
        )
    return out


def main():
    made = {"stardist_geometry": geometry(), "stardist_losses": losses()}
    differ = False
    for name, content in made.items():
        path = GOLDEN / f"{name}.json"
        text = json.dumps(content, indent=None, separators=(",", ":")) + "\n"
        if "--check" in sys.argv:
            same = path.exists() and path.read_text() == text
            print(name, "same" if same else "DIFFERENT")
            differ |= not same
        else:
            path.write_text(text)
            print(path.name, len(text), "bytes")
    sys.exit(differ)


if __name__ == "__main__":
    main()
