"""Numbers that look random and need no generator: the same here and in `crates/sparkwave-nn/src/probe.rs`."""

import numpy as np


def scatter(n, j):
    """Numbers from -1 to 1, one for each i below n: the finaliser of a 32-bit hash of i and j."""
    h = (np.arange(n, dtype=np.uint64) * 0x9E3779B1 + j * 0x85EBCA77 + 1) & 0xFFFFFFFF
    h ^= h >> np.uint64(15)
    h = (h * 0x2C1B3C6D) & 0xFFFFFFFF
    h ^= h >> np.uint64(12)
    h = (h * 0x297A2D39) & 0xFFFFFFFF
    h ^= h >> np.uint64(15)
    return h.astype(np.float64) / 2**31 - 1.0
