"""Means of a second by NumPy and tifffile, as the streaming pass makes them: python3 seconds_speed.py RECORDING [OUT.npy].

RECORDING is a TIFF stack at 60 Hz, or a folder of frames named YYYYMMDD_HHMMSS.fff.tif. Frames are read one after the
other, as most scripts do, and summed as 64-bit integers; prints seconds, MB/s and peak memory.
"""

import datetime
import pathlib
import resource
import sys
import time

import numpy
import tifffile


def frames(path):
    """Yields (seconds, frame)."""
    if path.is_dir():
        start = None
        for file in sorted(path.glob("*.tif")):
            stamp = datetime.datetime.strptime(file.stem, "%Y%m%d_%H%M%S.%f")
            start = start or stamp
            yield (stamp - start).total_seconds(), tifffile.imread(file)
    else:
        with tifffile.TiffFile(path) as stack:
            for i, page in enumerate(stack.pages):
                yield i / 60, page.asarray()


def main():
    path = pathlib.Path(sys.argv[1])
    begun = time.perf_counter()
    means, current, total, n, n_bytes = [], 0, None, 0, 0
    for seconds, frame in frames(path):
        n_bytes += frame.nbytes
        while int(seconds + 1e-6) > current:
            means.append((total / n).astype("f4") if n else None)
            current, total, n = current + 1, None, 0
        total = frame.astype("u8") if total is None else numpy.add(total, frame, out=total)
        n += 1
    means.append((total / n).astype("f4"))
    if len(sys.argv) > 2:
        numpy.save(sys.argv[2], numpy.stack(means))
    took = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"numpy: {len(means)} means in {took:.2f} s, {n_bytes / took / 1e6:.0f} MB/s, peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
