#!/usr/bin/env python3
"""Print, as one JSON object, the arPLS baselines of the real trace (columns frame, counts), blank frames joined.

The trace may not be stored here, nor may anything computed from it: a test runs this program on the file it was given
and skips where there is none.
"""

import argparse
import csv
import json

import numpy as np
from pybaselines import Baseline

from published import arpls


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trace")
    parser.add_argument("--lam", type=float, default=1e3)
    parser.add_argument("--tol", type=float, default=1e-6)
    parser.add_argument("--max-iter", type=int, default=100)
    args = parser.parse_args()
    with open(args.trace, newline="") as f:
        rows = sorted((int(r["frame"]), float(r["counts"])) for r in csv.DictReader(f) if r["counts"])
    y = np.array([v for _, v in rows])
    sample, _ = Baseline().arpls(y, lam=args.lam, diff_order=2, tol=args.tol, max_iter=args.max_iter)
    population, solves, _ = arpls(y, args.lam, args.tol, args.max_iter, ddof=0)
    print(
        json.dumps(
            {
                "frames": [f for f, _ in rows],
                "counts": y.tolist(),
                "pybaselines": sample.tolist(),
                "population_sd": population.tolist(),
                "population_sd_solves": solves,
                "peak_dff_population_sd": float(((y - population) / population).max()),
            }
        )
    )


if __name__ == "__main__":
    main()
