#!/usr/bin/env python3
"""Write golden/groups_and_trees.json: groups, correlations, folds, trees and Shapley values by established packages.

`python3 groups_and_trees.py` writes it, `--check` compares. It needs NumPy, SciPy, scikit-learn and shap. Features are
multiples of 1/64: scikit-learn trees work in single precision, where these are exact. Of equally good questions
scikit-learn takes one at random, so a tree is stored only if twenty seeds give the same predictions. shap forms
interventional values in single precision (they miss the answers by up to 3e-8), so those of some rows are stored by
definition too.
"""

import itertools
import json
import math
import sys
from pathlib import Path

import numpy as np
import scipy
import shap
import sklearn
from scipy.stats import pearsonr, spearmanr
from sklearn.cluster import KMeans
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import adjusted_rand_score, silhouette_samples, silhouette_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.class_weight import compute_sample_weight

TARGET = Path(__file__).resolve().parent / "golden" / "groups_and_trees.json"
SEED = 20252


def sixty_fourths(values):
    return np.round(np.asarray(values) * 64) / 64


def clouds(rng, kind):
    if kind == "apart":
        centres = rng.uniform(-8, 8, (5, 3))
        points = centres[rng.integers(0, 5, 160)] + rng.normal(size=(160, 3))
    elif kind == "overlapping":
        centres = rng.uniform(-2, 2, (4, 4))
        points = centres[rng.choice(4, 180, p=[0.5, 0.3, 0.15, 0.05])] + rng.normal(size=(180, 4))
    elif kind == "none":
        points = rng.uniform(-1, 1, (150, 2))
    else:
        points = rng.integers(0, 4, (140, 3))
    return sixty_fourths(points)


def groups(rng, kind):
    points = clouds(rng, kind)
    by_k = []
    for k in range(2, 9):
        model = KMeans(k, n_init=20, tol=0, max_iter=1000, random_state=0).fit(points)
        widths = silhouette_samples(points, model.labels_)
        by_k.append({
            "k": k,
            "inertia": float(model.inertia_),
            "labels": model.labels_.tolist(),
            "silhouette": float(silhouette_score(points, model.labels_)),
            "silhouette_of_group": [float(widths[model.labels_ == i].mean()) for i in range(k)],
        })
    other = KMeans(4, n_init=1, random_state=1).fit(points).labels_
    values, vectors = np.linalg.eigh(np.cov(points.T, bias=True))
    return {
        "kind": kind,
        "points": points.tolist(),
        "by_k": by_k,
        "other_labels": other.tolist(),
        "adjusted_rand_3_other": float(adjusted_rand_score(by_k[1]["labels"], other)),
        "variance_parts": (values[::-1][:2] / values.sum()).tolist(),
        "axes": vectors[:, ::-1][:, :2].T.tolist(),
    }


def correlations(rng):
    a = np.round(rng.normal(size=40), 1)
    b = np.round(0.5 * a + rng.normal(size=40), 1)
    known = rng.random(40) > 0.2
    return {
        "a": a.tolist(),
        "b": [float(v) if k else None for v, k in zip(b, known)],
        "n": int(known.sum()),
        "pearson": float(pearsonr(a[known], b[known]).statistic),
        "spearman": float(spearmanr(a[known], b[known]).statistic),
    }


def folds(rng):
    n = 120
    group = rng.integers(0, 17, n)
    label = (rng.random(n) < 0.15 + 0.6 * (group % 3 == 0)).astype(int)
    fold = np.zeros(n, int)
    for i, (_, test) in enumerate(StratifiedGroupKFold(5).split(np.zeros(n), label, group)):
        fold[test] = i
    return {"labels": label.tolist(), "groups": group.tolist(), "n_folds": 5, "folds": fold.tolist()}


def events(rng, n, m, n_classes):
    x = sixty_fourths(rng.normal(size=(n, m)))
    # A coarse feature, so that many values are equal.
    x[:, 1] = np.round(x[:, 1])
    score = x[:, 0] + x[:, 1] * x[:, 2] + 0.7 * rng.normal(size=n)
    y = np.digitize(score, np.quantile(score, np.linspace(0, 1, n_classes + 1)[1:-1] ** 0.7))
    return x, y


def of_twenty_seeds(make, x):
    models = [make(seed) for seed in range(20)]
    outputs = [m.predict_proba(x) for m in models]
    return models[0], all(np.abs(o - outputs[0]).max() < 1e-12 for o in outputs)


def n_leaves(tree, node=0):
    """Leaves, a node of one class counted as one: rounding of weights makes scikit-learn divide some of those."""
    if tree.children_left[node] < 0 or (tree.value[node, 0] > 1e-9).sum() == 1:
        return 1
    return n_leaves(tree, tree.children_left[node]) + n_leaves(tree, tree.children_right[node])


def by_definition(model, row, background):
    """Shapley values of the probabilities, [class][feature], over all sets of features, in double precision."""
    m = len(row)

    def worth(known):
        mixed = background.copy()
        mixed[:, list(known)] = row[list(known)]
        return model.predict_proba(mixed).mean(axis=0)

    values = np.zeros((model.n_classes_, m))
    for i in range(m):
        others = [j for j in range(m) if j != i]
        for n in range(m):
            weight = math.factorial(n) * math.factorial(m - 1 - n) / math.factorial(m)
            for known in itertools.combinations(others, n):
                values[:, i] += weight * (worth((*known, i)) - worth(known))
    return values


def tree_case(name, n_classes, params, seed):
    while True:
        rng = np.random.default_rng([SEED, seed])
        x, y = events(rng, 150, 4, n_classes)
        test = sixty_fourths(rng.normal(size=(25, 4)))
        weight = "balanced" if params["is_balanced"] else None
        limits = {"max_depth": params["max_depth"], "min_samples_split": params["min_split"], "min_samples_leaf": params["min_leaf"]}

        def make(random_state):
            return DecisionTreeClassifier(class_weight=weight, random_state=random_state, **limits).fit(x, y)

        everywhere = np.vstack([x, test, sixty_fourths(rng.normal(size=(4000, 4)))])
        model, is_defined = of_twenty_seeds(make, everywhere)
        if is_defined:
            break
        seed += 1000
    probabilities = model.predict_proba(test)
    by_path = shap.TreeExplainer(model).shap_values(test, check_additivity=False)
    background = x[:40]
    # Passed as it is: a masker of shap would draw a hundred rows.
    explainer = shap.TreeExplainer(model, background, feature_perturbation="interventional", model_output="raw")
    by_background = explainer.shap_values(test, check_additivity=False)
    return {
        "name": name,
        "params": params,
        "n_classes": n_classes,
        "features": x.tolist(),
        "labels": y.tolist(),
        "test": test.tolist(),
        "n_leaves": n_leaves(model.tree_),
        "probabilities": probabilities.tolist(),
        "predictions": model.predict(test).tolist(),
        "path_dependent": np.moveaxis(by_path, -1, 0).tolist(),
        "n_background": len(background),
        "interventional": np.moveaxis(by_background, -1, 0).tolist(),
        "interventional_by_definition": [by_definition(model, row, background).tolist() for row in test[:6]],
        "interventional_base": np.asarray(explainer.expected_value).tolist(),
    }


def boosted_case(name, params, seed):
    while True:
        rng = np.random.default_rng([SEED, 77, seed])
        x, y = events(rng, 150, 4, 2)
        test = sixty_fourths(rng.normal(size=(25, 4)))
        weight = compute_sample_weight("balanced", y) if params["is_balanced"] else None

        def make(random_state):
            model = GradientBoostingClassifier(
                n_estimators=params["n_trees"],
                learning_rate=params["learning_rate"],
                max_depth=params["max_depth"],
                min_samples_leaf=params["min_leaf"],
                random_state=random_state,
            )
            return model.fit(x, y, sample_weight=weight)

        everywhere = np.vstack([x, test, sixty_fourths(rng.normal(size=(4000, 4)))])
        model, is_defined = of_twenty_seeds(make, everywhere)
        if is_defined:
            break
        seed += 1000
    background = x[:40]
    explainer = shap.TreeExplainer(model, background, feature_perturbation="interventional", model_output="raw")
    by_path = shap.TreeExplainer(model).shap_values(test, check_additivity=False)
    by_background = explainer.shap_values(test, check_additivity=False)
    return {
        "name": name,
        "params": params,
        "features": x.tolist(),
        "labels": y.tolist(),
        "test": test.tolist(),
        "log_odds": model.decision_function(test).tolist(),
        "path_dependent": by_path.tolist(),
        "n_background": len(background),
        "interventional": by_background.tolist(),
    }


def limits(max_depth, min_split, min_leaf, is_balanced):
    return {"max_depth": max_depth, "min_split": min_split, "min_leaf": min_leaf, "is_balanced": is_balanced}


def golden():
    rng = np.random.default_rng(SEED)
    packages = {"numpy": np, "scipy": scipy, "scikit-learn": sklearn, "shap": shap}
    versions = {"python": sys.version.split()[0], **{name: p.__version__ for name, p in packages.items()}}
    boost = {"n_trees": 30, "learning_rate": 0.1, "max_depth": 3}
    return {
        "provenance": {"program": "groups_and_trees.py", "seed": SEED, "packages": versions},
        "groups": [groups(rng, kind) for kind in ("apart", "overlapping", "none", "equal values")],
        "correlations": correlations(rng),
        "folds": [folds(rng) for _ in range(4)],
        "trees": [
            tree_case("published depth", 2, limits(5, 2, 4, True), 1),
            tree_case("by events", 2, limits(4, 20, 3, False), 2),
            tree_case("three classes", 3, limits(4, 2, 6, True), 3),
        ],
        "boosted": [
            boosted_case("balanced", {**boost, "min_leaf": 8, "is_balanced": True}, 1),
            boosted_case("by events", {**boost, "min_leaf": 5, "is_balanced": False}, 2),
        ],
    }


if __name__ == "__main__":
    text = json.dumps(golden(), separators=(",", ":")) + "\n"
    if "--check" in sys.argv:
        sys.exit(0 if TARGET.read_text() == text else "groups_and_trees.json differs")
    TARGET.write_text(text)
