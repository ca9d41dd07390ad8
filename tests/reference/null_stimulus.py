"""How often a stimulus that does nothing is found to do something.

    python3 tests/reference/null_stimulus.py --program target/release/sparkwave --rounds 12 --out null.csv

Every round simulates eight neurons before and after a stimulus without effect and runs the whole pipeline on all sixteen
movies (`sparkwave demo stimulus --null`, some 25 s of processor time). Detection being the dear part, 200 repetitions then
draw eight different neurons each out of those of all rounds, and test them as `analyze change` does, here by SciPy: the
logarithms of after over before by a t-test, or by Wilcoxon's test where Shapiro and Wilk reject normality at 0.05, the three
measures together by Holm. Rounds that are in the table already are not made again.
"""

import argparse
import csv
import math
import random
import subprocess
import tempfile
from pathlib import Path

from scipy import stats

LEVEL = 0.05
N_NEURONS = 8
COLUMNS = [
    "n_events_before",
    "n_events_after",
    "n_sites_silenced",
    "n_sites_new",
    "geometric_mean_peak_dff_before",
    "geometric_mean_peak_dff_after",
]


def interval(k: int, n: int) -> str:
    """Wilson's 95 % interval of a proportion."""
    z = 1.96
    middle = (k + z * z / 2) / (n + z * z)
    half = z * math.sqrt(k * (n - k) / n + z * z / 4) / (n + z * z)
    return f"{k / n:.3f} ({middle - half:.3f} to {middle + half:.3f})"


def simulate(program: str, seed: int) -> list[dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = [program, "demo", "stimulus", "--null", "--seed", str(seed), "--neurons", str(N_NEURONS)]
        subprocess.run([*command, "-o", str(out), "--quiet", "--threads", "1"], check=True, capture_output=True)
        with (out / "analysis" / "neurons.csv").open(newline="", encoding="utf-8") as file:
            return [{"seed": str(seed), **{c: row[c] for c in COLUMNS}} for row in csv.DictReader(file)]


def p_values(neurons: list[dict[str, str]]) -> dict[str, float]:
    number = [{c: float(n[c]) if n[c] else math.nan for c in COLUMNS} for n in neurons]
    ratio = lambda a, b: math.log((b + 0.5) / (a + 0.5))  # noqa: E731
    changes = {
        "events": [ratio(n["n_events_before"], n["n_events_after"]) for n in number],
        "peak dF/F0": [
            math.log(n["geometric_mean_peak_dff_after"] / n["geometric_mean_peak_dff_before"]) for n in number
        ],
        "new over silenced sites": [ratio(n["n_sites_silenced"], n["n_sites_new"]) for n in number],
    }
    found = {}
    for name, values in changes.items():
        values = [v for v in values if not math.isnan(v)]
        if len(set(values)) > 1 and stats.shapiro(values).pvalue > LEVEL:
            found[name] = stats.ttest_1samp(values, 0.0).pvalue
        else:
            found[name] = stats.wilcoxon(values).pvalue if any(values) else 1.0
    # The smallest of m p-values is below the level after Holm if it is below the m-th part of the level.
    found["any, adjusted"] = min(1.0, len(found) * min(found.values()))
    return found


def report(title: str, sets: list[list[dict[str, str]]]) -> None:
    found = [p_values(neurons) for neurons in sets]
    print(title)
    for name in found[0]:
        k = sum(p[name] < LEVEL for p in found)
        print(f"  {name}: {k} of {len(found)} below {LEVEL}, {interval(k, len(found))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default="sparkwave")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("null.csv"), help="table of all neurons, which grows")
    args = parser.parse_args()
    neurons: list[dict[str, str]] = []
    if args.out.exists():
        with args.out.open(newline="", encoding="utf-8") as file:
            neurons = list(csv.DictReader(file))
    for seed in range(1, args.rounds + 1):
        if all(n["seed"] != str(seed) for n in neurons):
            neurons += simulate(args.program, seed)
            with args.out.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, ["seed", *COLUMNS])
                writer.writeheader()
                writer.writerows(neurons)
    seeds = sorted({n["seed"] for n in neurons})
    report(f"{len(seeds)} rounds of {N_NEURONS} neurons", [[n for n in neurons if n["seed"] == s] for s in seeds])
    rng = random.Random(1)
    drawn = [rng.sample(neurons, N_NEURONS) for _ in range(args.repetitions)]
    report(f"{args.repetitions} repetitions of {N_NEURONS} out of {len(neurons)} neurons", drawn)


if __name__ == "__main__":
    main()
