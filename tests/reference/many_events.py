"""Times the analyses of a hundred thousand events with their pages, in processor time and wall time.

    python3 tests/reference/many_events.py run/events.csv --program target/release/sparkwave

Rows of a real table are drawn with replacement and every number that is no id is varied by 3 %, so that the table has the
columns, the spread and the correlations of real ones.
"""

import argparse
import csv
import random
import resource
import subprocess
import tempfile
import time
from pathlib import Path


def enlarge(source: Path, target: Path, n: int) -> None:
    with source.open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    rng = random.Random(1)
    kept = {"event_id", "region_id", "burst", "source", "burst_id"}

    def varied(name: str, cell: str) -> str:
        if name in kept or cell in ("", "true", "false"):
            return cell
        try:
            value = float(cell)
        except ValueError:
            return cell
        return str(round(value)) if name.endswith("_frame") else repr(value * rng.gauss(1.0, 0.03))

    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for i in range(n):
            row = rng.choice(rows)
            cells = [varied(name, cell) for name, cell in zip(header, row)]
            cells[header.index("event_id")] = str(i + 1)
            writer.writerow(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=Path)
    parser.add_argument("--program", default="sparkwave")
    parser.add_argument("-n", type=int, default=100_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "events.csv"
        enlarge(args.events, table, args.n)
        total = 0.0
        for what, extra in [("features", []), ("subtypes", ["--threads", "2", "--quiet"])]:
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            command = [args.program, "analyze", what, str(table), "-o", str(Path(folder) / what), "--report", *extra]
            print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
            wall = time.monotonic() - start
            total += wall
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            page = (Path(folder) / what / "report.html").stat().st_size / 1e6
            print(f"{what}: {args.n} events, {used:.2f} s of processor time, {wall:.2f} s wall, page of {page:.2f} MB")
        print(f"both: {total:.2f} s wall")


if __name__ == "__main__":
    main()
