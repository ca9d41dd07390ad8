"""How well the propagator inside the program follows waves that another simulator made, from their first mask alone.

    python follow_waves.py SPARKWAVE FOLDER [FOLDER ...] [--spoil 0.3] [--register] [--model FILE]

A FOLDER holds what simulate_waves.py wrote with --seconds. For each wave, the relative changes over the intervals of its
episode become a movie, its mask in the first of them a prompt, and `sparkwave propagate` follows it. Printed are the Dice
coefficients with the true masks, the prompted frame left out. --spoil blanks half of so many frames (never the first) and
blurs the other half; --register takes the true displacement of every second away before.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image
from scipy import ndimage

STEP = 5


def displaced(frame, motion):
    return ndimage.shift(frame, (-motion[0], -motion[1]), order=1, mode="nearest") if motion is not None else frame


def movie_of(folder, wave, masks, register):
    seconds = tifffile.memmap(folder / "seconds.tif")
    rest = np.nanmean(seconds[::20], axis=0)
    motion = None
    if register:
        table = np.genfromtxt(folder / "truth_motion.csv", delimiter=",", names=True)
        motion = np.stack([table["y_px"], table["x_px"]], axis=1)
    frames = range(wave["start_frame"], wave["end_frame"])

    def second(i):
        return displaced(seconds[i].astype(np.float32), None if motion is None else motion[i])

    rates = [(second(STEP * (i + 1)) - second(STEP * i)) / rest for i in frames]
    return np.stack(rates).astype(np.float32), np.stack([masks[i] == wave["wave_id"] for i in frames])


def spoil(movie, part, rng):
    movie = movie.copy()
    chosen = rng.permutation(np.arange(1, len(movie)))[: round(part * len(movie))]
    for k, t in enumerate(chosen):
        movie[t] = 0 if k % 2 else ndimage.gaussian_filter(movie[t], 12)
    return movie


def followed(program, model, movie, mask):
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        tifffile.imwrite(work / "movie.tif", movie, photometric="minisblack")
        Image.fromarray(mask.astype(np.uint8) * 255).save(work / "mask.png")
        prompts = {"frames": len(movie), "prompts": [{"frame": 0, "object": 1, "mask": "mask.png"}]}
        (work / "prompts.json").write_text(json.dumps(prompts))
        command = [program, "propagate", "movie.tif", "--prompts", "prompts.json", "--model", model]
        subprocess.run([*command, "-o", "out", "--quiet"], cwd=work, check=True, stdout=subprocess.DEVNULL)
        return tifffile.imread(work / "out" / "labels.tif") == 1


def dice(a, b):
    return 2 * (a & b).sum() / max(1, a.sum() + b.sum())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", type=lambda p: str(Path(p).resolve()))
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--spoil", type=float, default=0.0)
    parser.add_argument("--register", action="store_true")
    args = parser.parse_args()
    model = args.model if args.model == "embedded" else str(Path(args.model).resolve())
    means = []
    for folder in args.folders:
        masks = tifffile.imread(folder / "truth_masks.tif")
        for wave in json.loads((folder / "truth.json").read_text())["waves"]:
            movie, truth = movie_of(folder, wave, masks, args.register)
            movie = spoil(movie, args.spoil, np.random.default_rng(wave["wave_id"]))
            found = followed(args.program, model, movie, truth[0])
            scores = [dice(f, t) for f, t in zip(found[1:], truth[1:]) if t.any()]
            means.append(np.mean(scores))
            line = " ".join(f"{s:.2f}" for s in scores)
            print(f"{folder.name} wave {wave['wave_id']}: mean Dice {means[-1]:.3f}   {line}", flush=True)
    print(f"mean of {len(means)} waves {np.mean(means):.3f}, least {np.min(means):.3f}")


if __name__ == "__main__":
    main()
