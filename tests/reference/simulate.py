#!/usr/bin/env python3
"""Simulate a recording of miniature synaptic calcium transients with known truth.

An independent reference: it shares no code and no formula sheet with the simulator that the workspace ships, so that
a detector tuned on one can be scored on the other.

Model, for frame t and pixel p of a canvas that is `PAD` pixels wider than the camera on every side:

    light(t, p)  = bleach(t) * (neuron(p) * (1 + slow(t, p)) + transients(t, p)) + haze(t, p)      photoelectrons
    counts(t, p) = offset + (Gamma(Poisson(light(t, p - drift(t)))) * gain + Normal(0, read)) / electrons_per_count

The gamma stage is the electron-multiplying register: shape = number of photoelectrons, mean = that number, so its
variance doubles the shot noise (the excess noise factor of 2).

Files written: movie.tif (ImageJ TYX, u16, pixel size and frame interval), truth.csv, drift.csv, labels.tif,
simulation.json (every parameter).  `truth.csv` and `labels.tif` use the drift-free coordinates of frame 0.
"""

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np
import tifffile
from scipy import ndimage as ndi

PAD = 24
SUBSAMPLES = 12  # points of the exposure at which a transient's time course is averaged
LABEL_FRACTION = np.exp(-1.0)  # a voxel is labelled where dF is at least 1/e of the event's own peak


@dataclasses.dataclass
class Style:
    """What a recording looks like. Lengths in um, times in s, light in photoelectrons per pixel and frame."""

    n_events: int = 200
    n_trunks: int = 3
    trunk_light: float = 260.0  # ridge of the thickest dendrite
    thin_light: float = 70.0  # ridge of the thinnest branch
    spine_density_per_um: float = 0.35
    spine_light: float = 90.0
    haze_light: float = 35.0  # mean of the haze
    haze_contrast: float = 0.5
    bleach_fraction: float = 0.18  # light lost by the end
    bleach_tau_s: float = 25.0
    drift_px: float = 4.0  # largest displacement
    slow_sd: float = 0.035  # relative, correlated over `slow_um` and `slow_s`
    slow_s: float = 6.0
    slow_um: float = 2.5
    flicker_sd: float = 0.125  # relative, skewed, faster: the source of false positives of per-pixel thresholds
    flicker_s: float = 0.45
    flicker_um: float = 1.7
    flicker_skew: float = 0.5  # log-normal shape: larger gives rarer, higher peaks
    haze_flicker_sd: float = 0.02
    dff_median: float = 1.0
    dff_log_sd: float = 0.55
    dff_min: float = 0.05
    dff_max: float = 3.0
    radius_um: tuple = (0.22, 0.60)  # Gaussian sigma of an event
    tau_s: tuple = (0.2, 0.8)
    rise_s: tuple = (0.02, 0.06)
    spine_fraction: float = 0.6  # of sites
    propagating_fraction: float = 0.08
    propagation_um_per_s: tuple = (3.0, 12.0)
    burst_fraction: float = 0.12  # of events
    events_per_site: float = 1.8
    em_gain: float = 40.0
    read_electrons: float = 60.0  # before division by the gain, so 1.5 photoelectrons here
    electrons_per_count: float = 8.0
    offset: float = 400.0
    jitter_px: float = 0.03


PRESETS = {
    1: (Style(), (600, 512, 512), 0.1, 0.16),
    2: (
        Style(
            n_events=230,
            n_trunks=4,
            trunk_light=170.0,
            thin_light=50.0,
            spine_density_per_um=0.7,
            spine_light=70.0,
            haze_light=60.0,
            haze_contrast=0.8,
            bleach_fraction=0.28,
            bleach_tau_s=15.0,
            drift_px=5.0,
            slow_sd=0.06,
            slow_s=4.0,
            flicker_sd=0.15,
            flicker_s=0.5,
            dff_median=0.90,
            dff_log_sd=0.65,
            radius_um=(0.26, 0.75),
            propagating_fraction=0.12,
            burst_fraction=0.2,
        ),
        (600, 512, 512),
        0.1,
        0.16,
    ),
    3: (
        Style(
            n_events=90,
            n_trunks=3,
            drift_px=3.0,
            radius_um=(0.28, 0.70),
            slow_um=3.0,
            events_per_site=2.2,
            dff_median=1.1,
            flicker_sd=0.11,
        ),
        (400, 256, 256),
        0.15,
        0.25,
    ),
}


def grow_neuron(rng, style, shape, pixel_um):
    """Dendrites as lists of points (y, x, radius_px, light); every list is one unbranched path of 0.5 px steps."""
    height, width = shape
    paths = []

    def walk(y, x, heading, radius, light, length, depth):
        points, curl = [], 0.0
        for _ in range(int(length / 0.5)):
            curl = 0.96 * curl + rng.normal(0, 0.0012)
            heading += curl + rng.normal(0, 0.01)
            y, x = y + 0.5 * np.sin(heading), x + 0.5 * np.cos(heading)
            if not (-10 < y < height + 10 and -10 < x < width + 10):
                break
            radius = max(radius * 0.9994, 0.16 / pixel_um)
            light = max(light * 0.9995, style.thin_light * 0.5)
            points.append((y, x, radius, light * (1 + 0.12 * np.sin(len(points) / 37.0 + depth))))
            if depth < 3 and rng.random() < 0.0035:
                side = rng.choice([-1, 1])
                walk(
                    y,
                    x,
                    heading + side * rng.uniform(0.5, 1.2),
                    max(radius * rng.uniform(0.4, 0.7), 0.16 / pixel_um),
                    max(light * rng.uniform(0.35, 0.75), style.thin_light * 0.6),
                    length * rng.uniform(0.3, 0.8),
                    depth + 1,
                )
        if len(points) > 40:
            paths.append(np.array(points))

    for _ in range(style.n_trunks):
        edge = rng.integers(4)
        along = rng.uniform(0.15, 0.85)
        y, x, heading = [
            (0, along * width, np.pi / 2),
            (height, along * width, -np.pi / 2),
            (along * height, 0, 0.0),
            (along * height, width, np.pi),
        ][edge]
        radius = rng.uniform(0.25, 0.65) / pixel_um
        light = rng.uniform(0.45, 1.0) * style.trunk_light
        walk(y, x, heading + rng.uniform(-0.5, 0.5), radius, light, rng.uniform(0.8, 1.5) * max(shape), 0)
    return paths


def splat(image, ys, xs, values):
    """Add point sources with bilinear weights."""
    y0, x0 = np.floor(ys).astype(int), np.floor(xs).astype(int)
    fy, fx = ys - y0, xs - x0
    for dy, dx, weight in ((0, 0, (1 - fy) * (1 - fx)), (0, 1, (1 - fy) * fx), (1, 0, fy * (1 - fx)), (1, 1, fy * fx)):
        inside = (y0 + dy >= 0) & (y0 + dy < image.shape[0]) & (x0 + dx >= 0) & (x0 + dx < image.shape[1])
        np.add.at(image, (y0[inside] + dy, x0[inside] + dx), (values * weight)[inside])


def place_spines(rng, style, paths, pixel_um):
    """Spine heads (y, x, light, path, index along the path)."""
    spines = []
    for p, path in enumerate(paths):
        n = rng.poisson(style.spine_density_per_um * len(path) * 0.5 * pixel_um)
        for i in rng.integers(2, len(path) - 2, n):
            tangent = path[i + 2, :2] - path[i - 2, :2]
            normal = np.array([-tangent[1], tangent[0]]) / (np.hypot(*tangent) + 1e-9) * rng.choice([-1, 1])
            reach = path[i, 2] + rng.uniform(0.35, 1.1) / pixel_um
            y, x = path[i, :2] + normal * reach
            spines.append((y, x, style.spine_light * rng.lognormal(-0.1, 0.5), p, i))
    return spines


def render_neuron(style, paths, spines, shape, pixel_um):
    image = np.zeros(shape)
    points = np.concatenate(paths)
    sigmas = np.hypot(points[:, 2] * 0.6, 0.13 / pixel_um)  # radius and point spread
    bins = np.digitize(sigmas, np.geomspace(0.8, 6, 9))
    for b in np.unique(bins):
        chosen = bins == b
        sigma = sigmas[chosen].mean()
        layer = np.zeros(shape)
        # A line of unit point sources every 0.5 px has a ridge of 2 / (sqrt(2 pi) sigma) after the blur.
        splat(layer, points[chosen, 0], points[chosen, 1], points[chosen, 3] * np.sqrt(2 * np.pi) * sigma / 2)
        layer = ndi.gaussian_filter(layer, sigma)
        image = np.maximum(image, layer) + 0.15 * np.minimum(image, layer)  # crossings are brighter, but do not add up
    heads, necks = np.zeros(shape), np.zeros(shape)
    head_sigma = 0.22 / pixel_um
    for y, x, light, p, i in spines:
        splat(heads, np.array([y]), np.array([x]), np.array([light * 2 * np.pi * head_sigma**2]))
        f = np.linspace(0, 1, 12)
        py, px = paths[p][i, :2]
        splat(necks, py + f * (y - py), px + f * (x - px), np.full(12, light * 0.15))
    return image + ndi.gaussian_filter(heads, head_sigma) + ndi.gaussian_filter(necks, 0.13 / pixel_um + 0.3)


def smooth_field(rng, n_frames, shape, tau_frames, length_px, skew):
    """Unit-variance field on a coarse grid, [T, gy, gx], and its step in px. `skew` > 0 gives rare peaks."""
    step = max(length_px / 2.0, 1.0)
    grid = tuple(int(np.ceil(s / step)) + 3 for s in shape)
    extra = int(4 * tau_frames) + 1
    field = rng.standard_normal((n_frames + 2 * extra, *grid), dtype=np.float32)
    field = ndi.gaussian_filter(field, (tau_frames, length_px / step, length_px / step), mode="wrap")[extra:-extra]
    field /= field.std()
    if skew > 0:
        field = np.exp(skew * field)
        field -= field.mean()
        field /= field.std()
    return field, step


def enlarge(coarse, step, shape):
    ys, xs = np.arange(shape[0]) / step + 1, np.arange(shape[1]) / step + 1
    y0, x0 = ys.astype(int), xs.astype(int)
    fy, fx = (ys - y0)[:, None].astype(np.float32), (xs - x0)[None].astype(np.float32)
    rows = coarse[y0] * (1 - fy) + coarse[y0 + 1] * fy
    return rows[:, x0] * (1 - fx) + rows[:, x0 + 1] * fx


def make_drift(rng, n_frames, style):
    """[T, 2] displacement (y, x) of the content, zero at frame 0, largest length `drift_px`."""
    t = np.arange(n_frames) / n_frames
    drift = np.zeros((n_frames, 2))
    for axis in range(2):
        drift[:, axis] = rng.normal(0, 1) * t
        for cycles in (0.5, 1, 2, 3):
            drift[:, axis] += rng.normal(0, 0.6 / cycles) * np.sin(2 * np.pi * cycles * t + rng.uniform(0, 2 * np.pi))
    drift -= drift[0]
    drift *= style.drift_px / np.hypot(*drift.T).max()
    drift += rng.normal(0, style.jitter_px, drift.shape)
    return drift - drift[0]


def time_course(frames, onset, tau, rise):
    """Exposure average of (1 - exp(-u / rise)) exp(-u / tau), scaled to a continuous peak of 1; all in frames."""
    u = frames[:, None] + (np.arange(SUBSAMPLES) + 0.5)[None] / SUBSAMPLES - 0.5 - onset
    u_peak = rise * np.log1p(tau / rise)
    peak = (1 - np.exp(-u_peak / rise)) * np.exp(-u_peak / tau)
    inside = np.maximum(u, 0)
    return np.where(u > 0, (1 - np.exp(-inside / rise)) * np.exp(-inside / tau), 0).mean(1) / peak


def plan_events(rng, style, paths, spines, shape, n_frames, dt_s):
    """A list of (site, onset_frame, dff); bursts share a site."""
    sites, height, width = [], *shape
    margin = 10
    while len(sites) < max(3, int(style.n_events / style.events_per_site)):
        if spines and rng.random() < style.spine_fraction:
            y, x, _, p, i = spines[rng.integers(len(spines))]
            kind = "spine"
        else:
            p = rng.choice(len(paths), p=np.array([len(q) for q in paths]) / sum(len(q) for q in paths))
            i = rng.integers(5, len(paths[p]) - 5)
            y, x = paths[p][i, :2] + rng.normal(0, 0.8, 2)
            kind = "shaft"
        if not (margin < y < height - margin and margin < x < width - margin):
            continue
        if rng.random() < style.propagating_fraction and kind == "shaft":
            kind = "propagating"
        dff = style.dff_median * rng.lognormal(0, style.dff_log_sd * 0.8)
        sites.append((y, x, p, i, kind, dff, rng.uniform(*style.radius_um)))
    events = []
    while len(events) < style.n_events:
        site = sites[rng.integers(len(sites))]
        onset = rng.uniform(5, n_frames - 12)
        repeats = rng.integers(3, 8) if rng.random() < style.burst_fraction / 4 else 1
        for _ in range(repeats):
            if onset > n_frames - 12 or len(events) >= style.n_events:
                break
            dff = site[5] * rng.lognormal(0, style.dff_log_sd * 0.6)
            if style.dff_min <= dff <= style.dff_max:
                events.append((site, onset, dff))
            onset += rng.uniform(0.7, 1.8) / dt_s
    return events


def render_event(rng, style, event, neuron, paths, dt_s, pixel_um):
    """dF relative to the centre's light: (first frame, top-left of the patch on the canvas, [n, h, w], tau_s)."""
    (y, x, p, i, kind, _, radius_um), onset, _ = event
    tau_s, rise_s = rng.uniform(*style.tau_s), rng.uniform(*style.rise_s)
    sigma = radius_um * rng.uniform(0.85, 1.2) / pixel_um
    if kind == "propagating":
        steps = np.arange(0, int(rng.uniform(1.5, 4.0) / pixel_um / 0.5), 2)
        direction = rng.choice([-1, 1])
        index = np.clip(i + direction * steps, 0, len(paths[p]) - 1)
        centres = paths[p][index, :2]
        delays = steps * 0.5 * pixel_um / rng.uniform(*style.propagation_um_per_s) / dt_s
        fade = np.exp(-steps * 0.5 * pixel_um / 3.0)
    else:
        centres, delays, fade = np.array([[y, x]]), np.zeros(1), np.ones(1)
    reach = int(np.ceil(3.5 * sigma))
    top = np.floor(centres.min(0)).astype(int) + PAD - reach
    bottom = np.ceil(centres.max(0)).astype(int) + PAD + reach + 1
    yy, xx = np.mgrid[top[0] : bottom[0], top[1] : bottom[1]]
    first = int(np.floor(onset))
    frames = np.arange(first, first + int(np.ceil((5 * tau_s / dt_s) + delays.max())) + 3)
    patch = np.zeros((len(frames), *yy.shape), np.float32)
    local = neuron[np.clip(yy, 0, neuron.shape[0] - 1), np.clip(xx, 0, neuron.shape[1] - 1)]
    texture = ndi.gaussian_filter(np.sqrt(local / max(local.max(), 1e-9)), 0.6)
    for (cy, cx), delay, strength in zip(centres, delays, fade):
        blob = strength * np.exp(-((yy - PAD - cy) ** 2 + (xx - PAD - cx) ** 2) / (2 * sigma**2))
        course = time_course(frames.astype(float), onset + delay, tau_s / dt_s, rise_s / dt_s)
        patch = np.maximum(patch, (course[:, None, None] * blob * (0.4 + 0.6 * texture)).astype(np.float32))
    return first, top, patch / (0.4 + 0.6 * texture.max()), tau_s


def render_haze(rng, style, neuron, pixel_um):
    """Out-of-focus light: a smooth field, blurred cells and debris, and the neuron's own glow."""
    canvas = neuron.shape
    haze = ndi.gaussian_filter(rng.standard_normal(canvas), 5.0 / pixel_um, mode="wrap")
    haze = 1 + style.haze_contrast * 0.5 * haze / haze.std()
    glow = ndi.gaussian_filter(neuron, 3.0 / pixel_um)
    for _ in range(int(12 * np.prod(canvas) / 560**2)):
        blob = np.zeros(canvas)
        blob[rng.integers(canvas[0]), rng.integers(canvas[1])] = 1
        sigma = rng.uniform(0.8, 4.0) / pixel_um
        haze += style.haze_contrast * rng.uniform(0.2, 1.0) * ndi.gaussian_filter(blob, sigma) * 2 * np.pi * sigma**2
    haze = np.maximum(haze, 0.1) * style.haze_light * 0.7 + 0.3 * style.haze_light * glow / glow.mean()
    return haze.astype(np.float32)


def true_position(patch, mask, first, top, resting):
    """(frame, y, x, peak dF/F0): the frame of the largest labelled dF, and the dF-weighted centroid of that frame."""
    peak = int(np.argmax((patch * mask).sum((1, 2))))
    weights = patch[peak] * mask[peak]
    yy, xx = np.mgrid[: patch.shape[1], : patch.shape[2]]
    y = (weights * yy).sum() / weights.sum() + top[0] - PAD
    x = (weights * xx).sum() / weights.sum() + top[1] - PAD
    ky, kx = np.unravel_index(np.argmax(patch[peak]), patch[peak].shape)
    f0 = resting[np.clip(ky + top[0], 0, resting.shape[0] - 1), np.clip(kx + top[1], 0, resting.shape[1] - 1)]
    return first + peak, y, x, patch[peak].max() / f0


def paint_labels(labels, strongest, number, patch, mask, first, top):
    """Give the event its voxels; where two events overlap, the larger dF owns the voxel (`strongest` remembers it)."""
    for j, ky, kx in zip(*np.nonzero(mask)):
        v = (first + j, ky + top[0] - PAD, kx + top[1] - PAD)
        inside = 0 <= v[1] < labels.shape[1] and 0 <= v[2] < labels.shape[2]
        if inside and patch[j, ky, kx] > strongest.get(v, 0.0):
            strongest[v] = patch[j, ky, kx]
            labels[v] = number


def camera(rng, style, light):
    """Counts of an electron-multiplying camera for the expected photoelectrons of one frame."""
    electrons = rng.poisson(np.maximum(light, 0.0))
    register = rng.standard_gamma(electrons.astype(np.float32), dtype=np.float32) * style.em_gain
    register += rng.standard_normal(register.shape, dtype=np.float32) * style.read_electrons
    return np.clip(np.rint(style.offset + register / style.electrons_per_count), 0, 65535)


def simulate(out, style, shape, dt_s, pixel_um, seed):
    """Write one recording into the folder `out`; the facts that simulation.json holds are returned."""
    rng = np.random.default_rng(seed)
    n_frames, height, width = shape
    canvas = (height + 2 * PAD, width + 2 * PAD)

    paths = grow_neuron(rng, style, (height, width), pixel_um)
    spines = place_spines(rng, style, paths, pixel_um)
    shifted_paths = [np.column_stack([q[:, 0] + PAD, q[:, 1] + PAD, q[:, 2:]]) for q in paths]
    shifted_spines = [(y + PAD, x + PAD, light, p, i) for y, x, light, p, i in spines]
    neuron = render_neuron(style, shifted_paths, shifted_spines, canvas, pixel_um).astype(np.float32)
    haze = render_haze(rng, style, neuron, pixel_um)

    drift = make_drift(rng, n_frames, style)
    times = np.arange(n_frames) * dt_s
    amplitude = style.bleach_fraction / (1 - np.exp(-times[-1] / style.bleach_tau_s))
    bleach = 1 - amplitude * (1 - np.exp(-times / style.bleach_tau_s))

    def field(tau_s, length_um, skew=0.0):
        return smooth_field(rng, n_frames, canvas, tau_s / dt_s, length_um / pixel_um, skew)

    slow, slow_step = field(style.slow_s, style.slow_um)
    flicker, flicker_step = field(style.flicker_s, style.flicker_um, style.flicker_skew)
    veil, veil_step = field(5.0, 8.0)

    rows, labels, strongest = [], np.zeros(shape, np.uint16), {}
    by_frame = [[] for _ in range(n_frames)]
    for number, event in enumerate(plan_events(rng, style, paths, spines, (height, width), n_frames, dt_s), 1):
        first, top, patch, tau_s = render_event(rng, style, event, neuron, paths, dt_s, pixel_um)
        cy, cx = int(round(event[0][0])) + PAD, int(round(event[0][1])) + PAD
        patch = patch[: n_frames - first] * (event[2] * (neuron[cy, cx] + haze[cy, cx]))
        mask = patch >= LABEL_FRACTION * patch.max()
        rows.append((number, *true_position(patch, mask, first, top, neuron + haze), tau_s, event[0][4]))
        paint_labels(labels, strongest, number, patch, mask, first, top)
        for t in range(len(patch)):
            by_frame[first + t].append((top, patch[t]))

    movie = np.empty(shape, np.uint16)
    for t in range(n_frames):
        light = 1 + style.slow_sd * enlarge(slow[t], slow_step, canvas)
        light += style.flicker_sd * enlarge(flicker[t], flicker_step, canvas)
        light *= neuron
        for top, plane in by_frame[t]:
            y0, x0 = max(top[0], 0), max(top[1], 0)
            y1, x1 = min(top[0] + plane.shape[0], canvas[0]), min(top[1] + plane.shape[1], canvas[1])
            light[y0:y1, x0:x1] += plane[y0 - top[0] : y1 - top[0], x0 - top[1] : x1 - top[1]]
        light += haze * (1 + style.haze_flicker_sd * enlarge(veil[t], veil_step, canvas))
        moved = ndi.shift(light * bleach[t], drift[t], order=3, mode="nearest")
        movie[t] = camera(rng, style, moved[PAD:-PAD, PAD:-PAD])

    facts = {
        "seed": seed,
        "shape": shape,
        "frame_interval_s": dt_s,
        "pixel_size_um": pixel_um,
        "labelled_fraction": float((labels > 0).mean()),
        "n_events": len(rows),
        "fraction_below_dff_1": float(np.mean([r[4] < 1 for r in rows])),
        "largest_drift_px": float(np.hypot(*drift.T).max()),
        "style": dataclasses.asdict(style),
    }
    write_recording(Path(out), movie, labels, rows, drift, facts)
    return facts


def write_recording(out, movie, labels, rows, drift, facts):
    out.mkdir(parents=True, exist_ok=True)
    dt_s, pixel_um = facts["frame_interval_s"], facts["pixel_size_um"]
    tags = {
        "imagej": True,
        "resolution": (1 / pixel_um, 1 / pixel_um),
        "metadata": {"axes": "TYX", "unit": "um", "finterval": dt_s, "fps": 1 / dt_s},
    }
    tifffile.imwrite(out / "movie.tif", movie, **tags)
    tifffile.imwrite(out / "labels.tif", labels, compression="zlib", **tags)
    with open(out / "truth.csv", "w") as f:
        f.write("event_id,t_frame,y_px,x_px,peak_dff,tau_s,kind\n")
        f.writelines(f"{n},{t},{y:.3f},{x:.3f},{d:.4f},{tau:.4f},{kind}\n" for n, t, y, x, d, tau, kind in rows)
    with open(out / "drift.csv", "w") as f:
        f.write("frame,y_px,x_px\n")
        f.writelines(f"{t},{y:.5f},{x:.5f}\n" for t, (y, x) in enumerate(drift))
    (out / "simulation.json").write_text(json.dumps(facts, indent=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--preset", type=int, choices=sorted(PRESETS), default=1)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--shape", type=int, nargs=3, metavar=("T", "Y", "X"))
    parser.add_argument("--dt", type=float, help="frame interval in s")
    parser.add_argument("--pixel-um", type=float)
    parser.add_argument("--difficulty", type=float, default=1.0, help="divides the event amplitudes; 1 = calibrated")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="any field of Style")
    args = parser.parse_args()
    style, shape, dt_s, pixel_um = PRESETS[args.preset]
    changes = {k: json.loads(v) for k, v in (s.split("=") for s in args.set)}
    style = dataclasses.replace(style, **changes)
    style = dataclasses.replace(style, dff_median=style.dff_median / args.difficulty)
    shape = tuple(args.shape or shape)
    seed = args.seed if args.seed is not None else 100 + args.preset
    facts = simulate(args.out, style, shape, args.dt or dt_s, args.pixel_um or pixel_um, seed)
    print(json.dumps({k: v for k, v in facts.items() if k != "style"}))


if __name__ == "__main__":
    main()
