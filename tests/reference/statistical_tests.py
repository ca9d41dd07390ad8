#!/usr/bin/env python3
"""Writes crates/sparkwave-analysis/tests/golden/statistics.json: the tests of sparkwave-analysis by SciPy, statsmodels and
scikit-posthocs, on random and on degenerate samples. `--check` compares with what is there, numbers to 1e-12.

null is undefined: too few values, no spread, or NaN. Needs numpy, scipy, statsmodels, scikit-posthocs and pandas.
"""

import argparse
import itertools
import json
import math
import pathlib
import platform
import warnings

import numpy as np
import pandas as pd
import scikit_posthocs
import scipy
import statsmodels
import statsmodels.formula.api as smf
from scipy import stats
from scipy.optimize import brentq
from scipy.special import gammaln
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests

SEED = 20250105
GOLDEN = pathlib.Path(__file__).parents[2] / "crates/sparkwave-analysis/tests/golden/statistics.json"


def number(value):
    value = float(value)
    return value if math.isfinite(value) else None


def numbers(values):
    """JSON has no NaN and no infinity: they are written as words."""
    return [v if math.isfinite(v) else str(v) for v in map(float, values)]


def defined(*values):
    """All or nothing."""
    values = [number(v) for v in values]
    return None if None in values else values


def is_usable(values, needed):
    return len(values) >= needed and np.all(np.isfinite(values)) and np.ptp(values) > 0


def rough_quantile(p):
    """The normal quantile of SciPy's shapiro: algorithm AS 111 (Beasley and Springer 1977), good to 1e-9."""
    q = p - 0.5
    if abs(q) <= 0.42:
        upper = np.polyval([-25.44106049637, 41.39119773534, -18.61500062529, 2.50662823884], q * q)
        return q * upper / np.polyval([3.13082909833, -21.06224101826, 23.08336743743, -8.47351093090, 1], q * q)
    r = np.sqrt(-np.log(min(p, 1 - p)))
    upper = np.polyval([2.32121276858, 4.85014127135, -2.29796479134, -2.78718931138], r)
    return np.sign(q) * upper / np.polyval([1.63706781897, 3.54388924762, 1], r)


def shapiro_wilk(values, quantile):
    """Royston's algorithm AS R94 with this normal quantile."""
    x, n = np.sort(values), len(values)
    rising = lambda coefficients, x: np.polyval(coefficients[::-1], x)
    if n == 3:
        a = np.array([np.sqrt(0.5)])
    else:
        m = np.array([quantile((i - 0.375) / (n + 0.25)) for i in range(1, n // 2 + 1)])
        total, root = 2 * (m**2).sum(), 1 / np.sqrt(n)
        a1 = rising([0, 0.221157, -0.147981, -2.07119, 4.434685, -2.706056], root) - m[0] / np.sqrt(total)
        a2 = rising([0, 0.042981, -0.293762, -1.752461, 5.682633, -3.582633], root) - m[1] / np.sqrt(total)
        ends = np.array([a1, a2] if n > 5 else [a1])
        left = total - 2 * (m[: len(ends)] ** 2).sum()
        a = np.concatenate([ends, -m[len(ends) :] / np.sqrt(left / (1 - 2 * (ends**2).sum()))])
    a = np.concatenate([-a, [0] * (n % 2), a[::-1]])
    x = (x - np.median(x)) / np.ptp(x)
    x -= x.mean()
    rest = 1 - (a @ x) ** 2 / ((a @ a) * (x @ x))
    if n == 3:
        return 1 - rest, max(0.0, 6 / np.pi * (np.arcsin(np.sqrt(1 - rest)) - np.pi / 3))
    y = np.log(rest)
    if n <= 11:
        y = -np.log(-2.273 + 0.459 * n - y)
        centre = rising([0.544, -0.39978, 0.025054, -6.714e-4], n)
        scale = np.exp(rising([1.3822, -0.77857, 0.062767, -0.0020322], n))
    else:
        centre = rising([-1.5861, -0.31082, -0.083751, 0.0038915], np.log(n))
        scale = np.exp(rising([-0.4803, -0.082676, 0.0030302], np.log(n)))
    return 1 - rest, stats.norm.sf((y - centre) / scale)


def shapiro(values):
    """R's numbers, with exact quantiles. That SciPy differs by up to 1e-9 in W and a relative 1e-6 in p comes from its
    quantiles alone: with them its numbers come out."""
    found = stats.shapiro(values)
    rough = shapiro_wilk(values, rough_quantile)
    assert np.isclose(found.statistic, rough[0], rtol=1e-13) and np.isclose(found.pvalue, rough[1], rtol=1e-9, atol=1e-15)
    return shapiro_wilk(values, stats.norm.ppf)


def exact_signed_rank(d, zeros):
    """Every sign of every difference, by brute force."""
    if zeros == "wilcox":
        d = d[d != 0]
    ranks = stats.rankdata(np.abs(d))[d != 0] if zeros != "wilcox" else stats.rankdata(np.abs(d))
    signs = np.array(list(itertools.product([0, 1], repeat=len(ranks))))
    null = signs @ ranks
    found = ranks[d[d != 0] > 0].sum()
    return min(1.0, 2 * min((null <= found + 1e-9).mean(), (null >= found - 1e-9).mean()))


def one_sample(d):
    case = {"values": numbers(d), "shapiro_wilk": None, "t": None, "cohens_dz": None, "rank_biserial": None}
    case["signed_rank"] = {}
    if is_usable(d, 3) and len(d) <= 5000:
        case["shapiro_wilk"] = defined(*shapiro(d))
    if is_usable(d, 2):
        result = stats.ttest_1samp(d, 0)
        case["t"] = defined(result.statistic, result.pvalue, result.df)
        case["cohens_dz"] = number(d.mean() / d.std(ddof=1))
    if not (len(d) and np.all(np.isfinite(d)) and np.any(d != 0)):
        return case
    kept = d[d != 0]
    ranks = stats.rankdata(np.abs(kept))
    case["rank_biserial"] = number((np.sign(kept) * ranks).sum() / ranks.sum())
    for zeros in ["wilcox", "pratt", "zsplit"]:
        for method in ["auto", "asymptotic"]:
            result = stats.wilcoxon(d, zero_method=zeros, method=method)
            case["signed_rank"][f"{zeros} {method}"] = [result.statistic, result.pvalue]
        if len(d) <= 13:
            case["signed_rank"][f"{zeros} exact"] = [result.statistic, exact_signed_rank(d, zeros)]
        elif len(d) <= 50 and len(set(np.abs(d))) == len(d) and np.all(d != 0):
            exact = stats.wilcoxon(d, zero_method=zeros, method="exact")
            case["signed_rank"][f"{zeros} exact"] = [result.statistic, exact.pvalue]
    return case


def two_samples(a, b):
    case = {"first": numbers(a), "second": numbers(b)}
    case |= dict.fromkeys(["welch", "student", "paired", "cohens_d", "hedges_g", "cliffs_delta", "permutation", "flips"])
    case["mann_whitney"] = {}
    if not (np.all(np.isfinite(a)) and np.all(np.isfinite(b)) and len(a) and len(b)):
        return case
    if min(len(a), len(b)) > 1 and (np.ptp(a) > 0 or np.ptp(b) > 0):
        for name, equal in [("welch", False), ("student", True)]:
            result = stats.ttest_ind(a, b, equal_var=equal)
            case[name] = defined(result.statistic, result.pvalue, result.df)
    if len(a) == len(b) and is_usable(a - b, 2):
        result = stats.ttest_rel(a, b)
        case["paired"] = defined(result.statistic, result.pvalue, result.df)
    df = len(a) + len(b) - 2
    if df > 0 and (np.ptp(a) > 0 or np.ptp(b) > 0):
        pooled = (((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum()) / df
        case["cohens_d"] = number((a.mean() - b.mean()) / np.sqrt(pooled))
        if df > 1:
            bias = np.exp(gammaln(df / 2) - gammaln((df - 1) / 2)) / np.sqrt(df / 2)
            case["hedges_g"] = number(case["cohens_d"] * bias)
    case["cliffs_delta"] = number(np.sign(a[:, None] - b[None, :]).mean())
    is_tied = len(set(np.concatenate([a, b]))) < len(a) + len(b)
    for method in ["auto", "asymptotic"] + ([] if is_tied or len(a) * len(b) > 10_000 else ["exact"]):
        result = stats.mannwhitneyu(a, b, method=method)
        case["mann_whitney"][method] = [result.statistic, result.pvalue]
    if min(len(a), len(b)) > 1 and math.comb(len(a) + len(b), len(a)) <= 5000:
        result = stats.permutation_test((a, b), lambda x, y: x.mean() - y.mean(), vectorized=False, n_resamples=np.inf)
        case["permutation"] = [result.statistic, result.pvalue]
    if len(a) == len(b) and 2 <= len(a) <= 12:
        result = stats.permutation_test(
            (a - b,), np.mean, vectorized=False, n_resamples=np.inf, permutation_type="samples"
        )
        case["flips"] = [result.statistic, result.pvalue]
    return case


def many_groups(groups):
    case = {"groups": [numbers(g) for g in groups]}
    case |= dict.fromkeys(["anova", "tukey", "brown_forsythe", "kruskal", "dunn", "dunn_holm"])
    pooled = np.concatenate(groups)
    if not np.all(np.isfinite(pooled)):
        return case
    n, k = len(pooled), len(groups)
    pairs = list(itertools.combinations(range(k), 2))
    if min(map(len, groups)) > 1 and any(np.ptp(g) > 0 for g in groups):
        result = stats.f_oneway(*groups)
        between = sum(len(g) * (g.mean() - pooled.mean()) ** 2 for g in groups)
        case["anova"] = defined(result.statistic, result.pvalue, between / ((pooled - pooled.mean()) ** 2).sum())
        within = sum(((g - g.mean()) ** 2).sum() for g in groups) / (n - k)
        case["tukey"] = []
        for i, j in pairs:
            q = (groups[j].mean() - groups[i].mean()) / np.sqrt(within / 2 * (1 / len(groups[i]) + 1 / len(groups[j])))
            case["tukey"].append([q, stats.studentized_range.sf(abs(q), k, n - k)])
        case["brown_forsythe"] = number(stats.levene(*groups, center="median").pvalue)
    if min(map(len, groups)) > 0 and np.ptp(pooled) > 0:
        result = stats.kruskal(*groups)
        case["kruskal"] = defined(result.statistic, result.pvalue)
        for name, adjust in [("dunn", None), ("dunn_holm", "holm")]:
            matrix = scikit_posthocs.posthoc_dunn([list(g) for g in groups], p_adjust=adjust).to_numpy()
            case[name] = [matrix[i, j] for i, j in pairs]
    return case


def table(counts):
    case = {"counts": counts.tolist(), "chi2": None, "one_vs_rest": None}
    if np.all(counts.sum(axis=0) > 0) and np.all(counts.sum(axis=1) > 0):
        result = stats.chi2_contingency(counts, correction=False)
        v = stats.contingency.association(counts, method="cramer", correction=False)
        case["chi2"] = [result.statistic, result.pvalue, result.dof, v, result.expected_freq.min()]
    if np.all(counts.sum(axis=1) > 0):
        columns = [j for j in range(counts.shape[1]) if 0 < counts[:, j].sum() < counts.sum()]
        if len(columns) == sum(counts.sum(axis=0) > 0):
            halves = [np.stack([counts[:, j], counts.sum(axis=1) - counts[:, j]], axis=1) for j in columns]
            p = [stats.chi2_contingency(half, correction=False).pvalue for half in halves]
            case["one_vs_rest"] = [columns, p, multipletests(p, method="fdr_bh")[1].tolist()]
    return case


def fisher(counts):
    result = stats.fisher_exact(counts)
    return {"counts": counts.tolist(), "p": float(result.pvalue), "odds_ratio": number(result.statistic)}


def intraclass(frame):
    """From the mean squares of a nested analysis of variance."""
    n, n_groups = len(frame), frame.group.nunique()
    between = smf.ols("y ~ C(group)", frame).fit().ssr - smf.ols("y ~ C(cluster)", frame).fit().ssr
    clusters = frame.groupby("cluster").size()
    df = len(clusters) - n_groups
    within = smf.ols("y ~ C(cluster)", frame).fit().ssr / (n - len(clusters))
    between /= df
    of_groups = sum((g.groupby("cluster").size() ** 2).sum() / len(g) for _, g in frame.groupby("group"))
    size = (n - of_groups) / df
    icc = max(0.0, (between - within) / (between + (size - 1) * within))
    return [icc, 1 + ((clusters**2).sum() / n - 1) * icc]


def mixed(frame):
    """statsmodels' own restricted likelihood, at the zero of its own slope: its optimiser stops at some 1e-6."""
    exog = np.column_stack([np.ones(len(frame)), frame.x, frame.z])
    model = MixedLM(frame.y.to_numpy(), exog, frame.cluster.to_numpy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = model.fit(reml=True)

    def parameters(ratio):
        p = statsmodels.regression.mixed_linear_model.MixedLMParams.from_components(
            fe_params=np.zeros(3), cov_re=np.array([[ratio]])
        )
        fe, _ = model.get_fe_params(p.cov_re, np.array([]))
        return statsmodels.regression.mixed_linear_model.MixedLMParams.from_components(fe_params=fe, cov_re=p.cov_re)

    def slope(ratio):
        return model.score_full(parameters(ratio), calc_fe=False)[1][0]

    start = max(float(fit.cov_re[0, 0] / fit.scale), 1e-3)
    if slope(1e-9) < 0:
        ratio = 0.0
    else:
        ratio = brentq(slope, start * 0.5, start * 2, xtol=1e-15, rtol=1e-14)
    # Coefficients, scale and covariance at that ratio, densely.
    v = np.eye(len(frame)) + ratio * (frame.cluster.to_numpy()[:, None] == frame.cluster.to_numpy()[None, :])
    inverse = np.linalg.inv(v)
    information = exog.T @ inverse @ exog
    beta = np.linalg.solve(information, exog.T @ inverse @ frame.y)
    residual = frame.y.to_numpy() - exog @ beta
    scale = residual @ inverse @ residual / (len(frame) - 3)
    errors = np.sqrt(np.diag(np.linalg.inv(information)) * scale)
    assert np.allclose(beta, fit.fe_params, atol=1e-4) and np.isclose(scale, fit.scale, rtol=1e-3)
    df = len(frame) - 3
    logarithms = np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1] + df * np.log(scale)
    likelihood = -0.5 * (logarithms + df * (1 + np.log(2 * np.pi)))
    assert np.isclose(likelihood, fit.llf, atol=1e-4) and likelihood >= fit.llf - 1e-9
    return {
        "coefficients": beta.tolist(),
        "errors": errors.tolist(),
        "p": (2 * stats.norm.sf(np.abs(beta / errors))).tolist(),
        "variances": [ratio * scale, scale],
        "log_likelihood": float(likelihood),
    }


def nested(rng, n_clusters, between, offset):
    """Two groups of clusters with 1 to 9 values each."""
    rows = []
    for cluster in range(n_clusters):
        level = rng.normal(scale=between)
        for _ in range(rng.integers(1, 10)):
            group = cluster % 2
            z = rng.normal()
            rows.append((cluster, group, float(group), z, offset + level + 0.5 * group - 0.3 * z + rng.normal()))
    return pd.DataFrame(rows, columns=["cluster", "group", "x", "z", "y"])


def make():
    rng = np.random.default_rng(SEED)
    sizes = [3, 4, 5, 8, 11, 12, 13, 14, 20, 36, 50, 51, 90, 400]
    singles = [rng.normal(0.3, 1, n) for n in sizes] + [rng.exponential(size=n) - 0.7 for n in sizes]
    singles += [rng.integers(-4, 6, n).astype(float) for n in sizes]
    singles += [rng.normal(0.2, 1, 20) * 1e-12, np.round(8 * rng.normal(0, 9, 20)) / 8 + 1e9, rng.normal(0, 1e100, 9)]
    degenerate = [[], [1.0], [0.0], [1.0, 2.0], [0.0, 0.0, 0.0], [0.1, 0.1, 0.1], [0.0, 0.0, 1.0], [-1.0, 1.0, 0.0, 0.0]]
    degenerate += [[1.0, float("nan"), 2.0], [1.0, 2.0, float("inf"), 3.0], [0.1] * 40 + [0.2]]
    singles += [np.array(d) for d in degenerate]

    shapes = [(3, 3), (4, 6), (6, 6), (8, 40), (9, 9), (12, 30), (60, 45), (7, 7), (10, 10), (5, 120)]
    pairs = [(rng.normal(0, 1, n), rng.normal(0.6, 1.7, m)) for n, m in shapes]
    pairs += [(rng.integers(0, 7, n).astype(float), rng.integers(1, 9, m).astype(float)) for n, m in shapes]
    pairs += [(rng.lognormal(0, 1, n), rng.lognormal(1.5, 1, m)) for n, m in shapes]
    pairs += [(rng.normal(0, 1, 30), rng.normal(6, 1, 30)), (rng.normal(0, 1, 200), rng.normal(3, 1, 200))]
    for a, b in [([1], [2]), ([1, 2], [3]), ([1, 1], [1, 1]), ([1, 1, 1], [2, 2, 2]), ([1, 2, 3], [5, 5, 5]), ([], [1])]:
        pairs.append((np.array(a, float), np.array(b, float)))
    pairs += [(np.array([1, 2, 3.0]), np.array([2, 3, 4.0])), (np.array([1, np.nan, 3.0]), np.array([2, 3, 4.0]))]

    groups = [[rng.normal(shift * i, 1, n + i) for i in range(k)] for k, n, shift in itertools.product([2, 3, 5], [3, 8, 25], [0, 0.8])]
    groups += [[rng.integers(0, 5 + i, 12).astype(float) for i in range(k)] for k in [2, 3, 4]]
    groups += [[rng.lognormal(0.7 * i, 1, 15) for i in range(4)], [rng.normal(2 * i, 1, 30) for i in range(3)]]
    groups += [[np.full(4, 2.0)] * 3, [np.array([1.0, 1]), np.array([2.0, 2])], [np.array([1.0]), np.array([2.0, 3])]]
    groups += [[np.array([1.0, np.nan]), np.array([2.0, 3])]]

    tables = [rng.integers(0, 40, shape) + 1 for shape in [(2, 2), (2, 5), (3, 3), (4, 6), (2, 9)]]
    tables += [np.array(t) for t in [[[10, 0], [0, 10]], [[5, 0, 3], [2, 0, 9]], [[0, 0], [4, 5]], [[10, 10], [20, 20]]]]
    squares = [rng.integers(0, top, (2, 2)) for top in [4, 12, 60, 500] for _ in range(4)]
    squares += [np.array(t) for t in [[[5, 0], [0, 5]], [[0, 0], [3, 4]], [[3, 1], [1, 3]], [[0, 7], [0, 2]]]]
    families = [rng.uniform(size=n) ** 3 for n in [1, 2, 5, 30]] + [np.array([0.01, 0.01, 0.04, 1.0]), np.zeros(3)]
    frames = [nested(rng, *shape) for shape in [(6, 1.0, 0), (12, 0.4, 5), (40, 2.0, 1000), (8, 3.0, -20), (30, 0.7, 1)]]
    flat = nested(rng, 10, 0.0, 0)
    flat["y"] -= flat.groupby("cluster").y.transform("mean")
    flat["y"] += 0.1 * flat.z

    fences = [rng.normal(size=n) for n in [1, 2, 7, 30]] + [rng.integers(0, 9, 20).astype(float)]
    columns = lambda f: {name: f[name].tolist() for name in ["cluster", "group", "x", "z", "y"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "provenance": {
                "program": "tests/reference/statistical_tests.py",
                "seed": SEED,
                "python": platform.python_version(),
                "numpy": np.__version__,
                "scipy": scipy.__version__,
                "statsmodels": statsmodels.__version__,
                "scikit-posthocs": scikit_posthocs.__version__,
            },
            "one_sample": [one_sample(d) for d in singles],
            "two_samples": [two_samples(a, b) for a, b in pairs],
            "many_groups": [many_groups(g) for g in groups],
            "tables": [table(t) for t in tables],
            "fisher": [fisher(t) for t in squares],
            "families": [
                {"p": p.tolist()} | {name: multipletests(p, method=name)[1].tolist() for name in ["holm", "fdr_bh"]}
                for p in families
            ],
            "fences": [
                {"values": v.tolist(), "quartiles": np.percentile(v, [25, 75]).tolist()} for v in fences
            ],
            "intraclass": [columns(f) | {"expected": intraclass(f)} for f in frames],
            "mixed": [columns(f) | mixed(f) for f in frames + [flat]],
        }


def is_close(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(is_close(a[k], b[k]) for k in a if k != "provenance")
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(is_close, a, b))
    if isinstance(a, float) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    return a == b


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    made = make()
    if parser.parse_args().check:
        assert is_close(made, json.loads(GOLDEN.read_text())), f"{GOLDEN} differs"
    else:
        GOLDEN.write_text(json.dumps(made, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
