#!/usr/bin/env python3
"""Write golden/decompositions.json: principal and independent components of a mixture, by scikit-learn.

`python3 decompositions.py` writes it; it needs scikit-learn. The values are those of single precision.
"""

import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.decomposition import PCA, FastICA

TARGET = Path(__file__).resolve().parent / "golden" / "decompositions.json"
SEED = 2002
HEIGHT, WIDTH = 10, 12
USABLE = np.ones((HEIGHT, WIDTH), bool)
USABLE[0, :3] = USABLE[-1, -2:] = False


def mixture(rng, n_bins):
    """Four maps of a few bright or dark cells each, uncorrelated as independent ones are, mixed with noise."""
    maps = rng.laplace(size=(4, USABLE.sum()))
    maps *= np.abs(maps)
    maps -= maps.mean(axis=1, keepdims=True)
    u, _, v = np.linalg.svd(maps, full_matrices=False)
    maps = u @ v * np.sqrt(USABLE.sum())
    everywhere = rng.normal(size=(4, HEIGHT, WIDTH))
    everywhere[:, USABLE] = maps
    courses = rng.normal(size=(n_bins, 4)) * [3.0, 2.5, 2.0, 1.5]
    values = courses @ everywhere.reshape(4, -1) + 0.02 * rng.normal(size=(n_bins, HEIGHT * WIDTH))
    return maps, np.round(values, 3).astype(np.float32)


def correlations(a, b):
    n = len(a)
    return np.abs(np.corrcoef(a, b)[:n, n:])


def case(n_bins):
    rng = np.random.default_rng([SEED, n_bins])
    truth, values = mixture(rng, n_bins)
    kept = values.astype(float)[:, USABLE.ravel()]
    pca = PCA(n_components=4, svd_solver="full").fit(kept)
    ica = FastICA(n_components=4, whiten="unit-variance", tol=1e-10, max_iter=2000, random_state=0)
    sources = ica.fit_transform(pca.components_.T).T
    assert correlations(sources, truth).max(axis=1).min() > 0.99
    return {
        "n_bins": n_bins,
        "values": [float(f"{v:.3f}") for v in values.ravel()],
        "explained_variance": pca.explained_variance_.tolist(),
        "explained_variance_ratio": pca.explained_variance_ratio_.tolist(),
        "principal_maps": [[round(v, 7) for v in row] for row in pca.components_.tolist()],
        "independent_maps": [[round(v, 7) for v in row] for row in sources.tolist()],
        "true_maps": [[round(v, 7) for v in row] for row in truth.tolist()],
    }


if __name__ == "__main__":
    packages = {"numpy": np.__version__, "scikit-learn": sklearn.__version__}
    body = {
        "provenance": {"program": "tests/reference/decompositions.py", "packages": packages, "seed": SEED},
        "usable": ["".join("#" if v else "." for v in row) for row in USABLE],
        # More bins than cells, and fewer.
        "cases": [case(130), case(30)],
    }
    TARGET.write_text(json.dumps(body, separators=(",", ":")).replace('{"n_bins"', '\n{"n_bins"') + "\n")
