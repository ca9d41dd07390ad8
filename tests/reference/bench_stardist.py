#!/usr/bin/env python3
"""Time the StarDist package and `examples/star_speed.rs` in turns, on the same arrays, and compare what they find.

    cargo build --release -p sparkwave-imgproc --example star_speed
    python3 bench_stardist.py target/release/examples/star_speed [--threads 2] [--rounds 3] [--case NAME]

Needs `pip install stardist==0.9.2`; TensorFlow is not used. A prediction is the truth (object probability and star
distances) with noise, as a good network would give it: each object has one smooth error for each ray, and each voxel a
small one of its own. Cases: `package`, the nuclei that come with the package; `events`, 96 x 256 x 256 pixels with 400
ellipsoids that last 4 to 14 frames and are 3 to 12 pixels wide, some overlapping; `rough`, the same with noise of 25 %, so
that kernels are small and more pairs have to be drawn.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

N_RAYS = 96
ANISOTROPY = (1.7, 1.08, 1.0)


def ellipsoids(shape, n, seed):
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint16)
    for k in range(n):
        c = [rng.uniform(0, s) for s in shape]
        r = np.array([rng.uniform(2, 7), rng.uniform(1.5, 6), rng.uniform(1.5, 6)])
        lo = [max(0, int(np.floor(a - b))) for a, b in zip(c, r)]
        hi = [min(s, int(np.ceil(a + b)) + 1) for a, b, s in zip(c, r, shape)]
        grid = np.ogrid[tuple(slice(a, b) for a, b in zip(lo, hi))]
        inside = sum(((g - a) / b) ** 2 for g, a, b in zip(grid, c, r)) <= 1
        labels[tuple(slice(a, b) for a, b in zip(lo, hi))][inside] = k + 1
    return labels


def case(name):
    import tifffile
    import stardist

    if name == "package":
        path = Path(stardist.__file__).parent / "data" / "images" / "mask3d.tif"
        return tifffile.imread(path).astype(np.uint16), (1, 1, 1), 0.05
    return ellipsoids((96, 256, 256), 400, 5), (1, 2, 2), 0.25 if name == "rough" else 0.05


def predict(labels, rays, grid, noise, seed=7):
    from stardist.geometry import star_dist3D
    from stardist.utils import _edt_prob_scipy

    rng = np.random.default_rng(seed)
    coarse = tuple(slice(None, None, g) for g in grid)
    ids = labels[coarse].astype(int)
    probability = _edt_prob_scipy(labels, anisotropy=ANISOTROPY)[coarse] ** 0.5
    probability = np.where(ids > 0, 0.1 + 0.85 * probability, 0) + rng.uniform(0, 0.05, ids.shape)
    distances = star_dist3D(labels, rays, grid=grid)
    shared = rng.normal(0, noise, (ids.max() + 1, len(rays)))
    distances = distances * (1 + shared[ids] + rng.normal(0, 0.3 * noise, distances.shape)) - 0.5
    return probability.astype(np.float32), np.maximum(1e-3, distances).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--case", default="package,events,rough")
    parser.add_argument("--overlap", type=float, default=0.4)
    parser.add_argument("--probability", type=float, default=0.5)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    os.environ["RAYON_NUM_THREADS"] = str(args.threads)

    from stardist.geometry import polyhedron_to_label, star_dist3D
    from stardist.nms import non_maximum_suppression_3d
    from stardist.rays3d import Rays_GoldenSpiral
    from stardist.utils import _edt_prob_scipy

    rays = Rays_GoldenSpiral(N_RAYS, anisotropy=ANISOTROPY)
    for name in args.case.split(","):
        labels, grid, noise = case(name)
        probability, distances = predict(labels, rays, grid, noise)
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            probability.tofile(folder / "probability.f32")
            distances.tofile(folder / "distances.f32")
            labels.astype(np.uint32).tofile(folder / "truth.u32")
            (folder / "case.json").write_text(
                json.dumps(
                    dict(
                        shape=labels.shape, coarse=probability.shape, grid=grid, anisotropy=ANISOTROPY, rays=N_RAYS,
                        probability=args.probability, overlap=args.overlap, border=2,
                    )
                )
            )
            ours, theirs = [], []
            for _ in range(args.rounds):
                done = subprocess.run([args.program, str(folder)], capture_output=True, text=True, check=True)
                ours.append(json.loads(done.stdout))
                t = {}
                start = time.perf_counter()
                points, scores, kept = non_maximum_suppression_3d(
                    distances, probability, rays, grid=grid, b=2,
                    prob_thresh=args.probability, nms_thresh=args.overlap,
                )
                t["suppress"] = time.perf_counter() - start
                start = time.perf_counter()
                drawn = polyhedron_to_label(kept, points, rays, labels.shape, prob=scores, verbose=False)
                t["render"] = time.perf_counter() - start
                start = time.perf_counter()
                star_dist3D(labels, rays, grid=grid)
                t["distances"] = time.perf_counter() - start
                start = time.perf_counter()
                _edt_prob_scipy(labels, anisotropy=ANISOTROPY)
                t["probability"] = time.perf_counter() - start
                theirs.append(t)
            centres = np.fromfile(folder / "centres.u32", np.uint32).reshape(-1, 3)
            found = np.fromfile(folder / "labels.u32", np.uint32).reshape(labels.shape)
        print(f"{name}: {ours[0]['n_candidates']} candidates; load {os.getloadavg()[0]:.1f}")
        a, b = {tuple(map(int, c)) for c in centres}, {tuple(map(int, p)) for p in points}
        print(f"  kept {len(b)} (package), {len(a)} (ours), only one of them {len(a ^ b)}")
        print(f"  voxels that differ: {int((found != drawn).sum())} of {int((drawn > 0).sum())}")
        for r in ours:
            r["suppress"] += r["candidates"]
        for step in ["suppress", "render", "distances", "probability"]:
            mine, other = (sorted(r[step] for r in runs)[len(ours) // 2] for runs in (ours, theirs))
            print(f"  {step:12} package {other:8.4f} s   ours {mine:8.4f} s   {other / mine:6.1f} times as fast")


if __name__ == "__main__":
    main()
