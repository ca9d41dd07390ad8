#!/usr/bin/env python3
"""Write golden/neighbour_map.json: points, and how well scikit-learn's t-SNE maps their neighbours.

`python3 neighbour_map.py` writes it, `--check` compares. A map has no values to compare, as every implementation ends in
a minimum of its own: what is stored is the part of the fifteen nearest neighbours that stay among the fifteen nearest ones.
Points are multiples of 1/64.
"""

import json
import sys
from pathlib import Path

import numpy as np
import sklearn
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors

TARGET = Path(__file__).resolve().parent / "golden" / "neighbour_map.json"
SEED = 20256
N_KEPT = 15


def groups(rng):
    centres = rng.uniform(-6, 6, (3, 5))
    return centres[rng.integers(0, 3, 300)] + rng.normal(size=(300, 5))


def tree(rng):
    """Three branches off a stem, one of them parting once more."""
    joints = {0: (None, np.zeros(5))}
    for joint, parent in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)]:
        joints[joint] = (parent, joints[parent][1] + rng.normal(size=5) * 4)
    ends = rng.integers(1, 6, 300)
    along = rng.random(300)[:, None]
    start = np.array([joints[joints[e][0]][1] for e in ends])
    end = np.array([joints[e][1] for e in ends])
    return start + along * (end - start) + rng.normal(size=(300, 5)) * 0.25


def kept(points, places):
    near = lambda x: NearestNeighbors(n_neighbors=N_KEPT).fit(x).kneighbors(return_distance=False)
    return float(np.mean([len(set(a) & set(b)) / N_KEPT for a, b in zip(near(points), near(places))]))


def case(kind, points):
    points = np.round(points * 64) / 64
    model = TSNE(perplexity=30, init="pca", learning_rate="auto", max_iter=1000, random_state=0).fit(points)
    return {
        "kind": kind,
        "points": points.tolist(),
        "kept": kept(points, model.embedding_),
    }


def golden():
    rng = np.random.default_rng(SEED)
    return {
        "provenance": {"seed": SEED, "scikit-learn": sklearn.__version__, "numpy": np.__version__},
        "n_kept": N_KEPT,
        "cases": [case("groups", groups(rng)), case("tree", tree(rng))],
    }


def main():
    text = json.dumps(golden(), separators=(",", ":")) + "\n"
    if "--check" in sys.argv:
        sys.exit(0 if TARGET.read_text() == text else f"{TARGET} differs")
    TARGET.write_text(text)


if __name__ == "__main__":
    main()
