#!/usr/bin/env python3
"""Simulate an intrinsic optical signal recording of mouse cortex with spreading waves of known truth.

An independent reference: it shares no code with the simulator or the detector that the workspace ships.

Model, for camera frame k at time t and camera pixel p:

    tissue(t, q) = reflectance(q) * (1 + waves(t, q) + vasomotion(t, q) + blotches(t, q))       tissue coordinates
    clean(t, p)  = light(t) * illumination(p) * tissue(t, p - motion(t)) + glare(p) * (1 + twinkle(t))
    counts(t, p) = clean + Normal(0, sqrt(shot * clean + read^2))

`motion` (respiration, heartbeat, slow drift, jolts) is applied exactly: the tissue is band limited and moved by the
Fourier shift theorem. Illumination, glare and the sensor's fixed pattern stay with the camera. A second's mean
(`--seconds`) uses the mean of the shift phases of all its frames, so its blur is the true one; only the tissue's own
changes within that second are held at their middle.

A wave w has a site, a speed and a heading. Its arrival time T_w(q) is the travel time from the site along the straight
ray to q through a smooth slowness field (no other path is considered, so T is exact by definition), and

    waves(t, q) = sum_w  amplitude_w(q) * course((t - T_w(q)) / stretch_w(q))

`course` is a small dip, a rise, a fall and an undershoot, steepest at 0. The amplitude is confined to one hemisphere
and to a sector, fades with distance, and where two waves meet the one that came first keeps the tissue.

Written: seconds.tif + seconds.csv (`--seconds`), raw/*.tif or raw.ome.tif, truth.json, truth_masks.tif,
truth_rate.tif (`--rate-truth`), truth_arrival_<id>.tif (NaN where the wave has no mask), truth_cortex.tif,
truth_left.tif (left of the midline), truth_motion.csv, simulation.json.
"""

import argparse
import csv
import dataclasses
import datetime
import json
import os
from pathlib import Path

import numpy as np
import scipy.fft
import tifffile
from scipy import ndimage as ndi

FIELD_MM = 10.0
INTERVAL_S = 5
MASK_FRACTION = 0.35
VISIBLE_MM2 = 0.05  # smaller masks are left out: nobody would mark them


@dataclasses.dataclass
class Wave:
    """One wave to simulate. Positions in mm from the top left corner, angles in degrees, 0 = right, 90 = down."""

    start_s: float
    site_mm: tuple  # (y, x)
    heading_deg: float
    speed_mm_min: float
    half_angle_deg: float = 65.0
    reach_mm: float = 5.0
    relative_amplitude: float = 1.0


@dataclasses.dataclass
class Style:
    """Everything about a recording but its waves. Relative quantities are fractions of the local intensity."""

    minutes: float = 20.0
    start: str = "2026-03-05T14:03:07"
    drift_px: float = 0.35  # RMS of both axes together, like the next two
    drift_s: float = 18.0
    respiration_px: float = 0.30
    heart_px: float = 0.15
    n_jolts: int = 0
    jolt_px: tuple = (0.8, 2.0)
    respiration_hz: float = 1.4
    heart_hz: float = 6.4
    respiration_light: float = 0.003
    heart_light: float = 0.004
    light_drift: float = 0.015  # slow, over minutes
    flicker: float = 0.004  # of the light source, correlated over seconds
    flicker_s: float = 3.0
    frame_flicker: float = 0.004  # from frame to frame
    vasomotion: float = 0.0018  # amplitude of the oscillation near 0.1 Hz
    blotch: float = 0.0022  # SD of spontaneous fluctuations
    blotch_mm: float = 0.45
    blotch_s: float = 9.0
    frame_noise: float = 0.012  # at the cortex's median brightness
    median_counts: float = 11000.0
    read_counts: float = 25.0
    dropped_frames: float = 0.002  # fraction of frames
    drop_bursts: int = 0  # stretches of 10 to 40 frames
    dropped_seconds: tuple = ()  # (first, count) in s
    course_s: float = 4.3  # SD of the rising edge
    waves: tuple = ()


PRESETS = {
    1: Style(
        minutes=20,
        waves=(
            Wave(130, (2.3, 3.1), 105, 3.3, reach_mm=5.2),
            Wave(520, (7.6, 6.6), 285, 4.2, reach_mm=5.4, half_angle_deg=70),
            Wave(905, (5.0, 1.9), 300, 2.5, reach_mm=3.8, half_angle_deg=80),
        ),
    ),
    2: Style(
        minutes=16,
        waves=(
            Wave(150, (2.4, 2.9), 100, 3.0, reach_mm=5.0),
            Wave(185, (3.0, 6.9), 80, 3.9, reach_mm=5.0, relative_amplitude=0.85),
            Wave(590, (7.4, 7.2), 260, 2.8, reach_mm=4.6),
        ),
    ),
    3: Style(
        minutes=14,
        start="2026-03-05T23:55:02",
        n_jolts=2,
        dropped_frames=0.006,
        drop_bursts=6,
        dropped_seconds=((101, 3), (290, 1), (467, 6), (640, 2)),
        waves=(
            Wave(235, (2.2, 6.7), 85, 3.4, reach_mm=5.0),
            Wave(255, (7.7, 6.9), 270, 2.9, reach_mm=5.0, relative_amplitude=0.9),
            Wave(575, (7.3, 2.8), 265, 3.6, reach_mm=5.0),
        ),
    ),
    4: Style(
        minutes=32,
        n_jolts=6,
        vasomotion=0.003,
        blotch=0.0038,
        dropped_frames=0.004,
        drop_bursts=4,
        dropped_seconds=((700, 2),),
        waves=(),
    ),
}


def smooth_noise(rng, shape, sigma):
    """Zero-mean, unit-variance Gaussian random field of the given correlation length in px."""
    field = ndi.gaussian_filter(rng.standard_normal(shape), sigma, mode="wrap")
    return (field - field.mean()) / field.std()


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-np.clip(x, -50, 50)))


class Scene:
    """The still tissue: reflectance and outlines, on a canvas that is `pad` px wider than the camera on every side."""

    def __init__(self, rng, size):
        self.size = size
        self.mm = FIELD_MM / size
        self.pad = max(size // 16, 16)
        n = size + 2 * self.pad
        self.canvas = n
        # Canvas coordinates in mm of the camera's frame: camera pixel 0 is at 0 mm.
        axis = (np.arange(n) - self.pad) * self.mm
        self.y, self.x = np.meshgrid(axis, axis, indexing="ij")
        px = 1.0 / self.mm

        # Window: an irregular polygon with rounded corners around the middle.
        angles = np.sort(np.linspace(0, 2 * np.pi, 11, endpoint=False) + rng.uniform(-0.15, 0.15, 11))
        radii = rng.uniform(4.15, 4.65, 11)
        theta = np.arctan2(self.y - 5.0, self.x - 5.0) % (2 * np.pi)
        corner_y, corner_x = radii * np.sin(angles), radii * np.cos(angles)
        inside_by = np.full(theta.shape, -np.inf)  # signed distance to the polygon, positive outside, in mm
        sector = np.searchsorted(angles, theta) % 11
        for i in range(11):
            y0, x0 = corner_y[i - 1], corner_x[i - 1]
            normal = np.array([x0 - corner_x[i], corner_y[i] - y0])
            normal /= np.hypot(*normal)
            distance = (self.y - 5.0 - y0) * normal[0] + (self.x - 5.0 - x0) * normal[1]
            if normal @ np.array([y0, x0]) < 0:
                distance = -distance
            inside_by = np.where(sector == i, distance, inside_by)
        edge = ndi.gaussian_filter(inside_by, 0.12 * px) + 0.05 * smooth_noise(rng, theta.shape, 0.25 * px)
        self.window = sigmoid(-edge / 0.035)  # soft, 1 = cortex
        self.cortex = (edge < 0) & (np.hypot(self.y - 5, self.x - 5) < 5.5)

        # Midline: nearly vertical, slightly bent; the sinus lies on it.
        slope, bend = rng.uniform(-0.05, 0.05), rng.uniform(-0.02, 0.02)
        middle = rng.uniform(4.9, 5.1) + slope * (self.y - 5) + bend * (self.y - 5) ** 2 / 4
        self.from_midline = self.x - middle  # negative = left
        sinus_width = 0.13 + 0.03 * np.sin(self.y * 1.3 + rng.uniform(0, 6))

        # Light returned by the tissue, vessels darker.
        self.vessels = self._vessels(rng, px)
        sinus = sigmoid((sinus_width - np.abs(self.from_midline)) / 0.03)
        dark = np.clip(self.vessels + 0.42 * sinus * (1 - self.vessels), 0, 0.6)
        texture = (
            0.018 * smooth_noise(rng, theta.shape, max(0.025 * px, 1.0))
            + 0.025 * smooth_noise(rng, theta.shape, max(0.1 * px, 1.5))
            + 0.04 * smooth_noise(rng, theta.shape, 0.5 * px)
        )
        tissue = (1 + texture) * (1 - dark)
        bone_texture = 0.05 * smooth_noise(rng, theta.shape, max(0.04 * px, 1.0)) + 0.08 * smooth_noise(
            rng, theta.shape, 0.4 * px
        )
        bone = 1.45 * (1 + bone_texture) * (1 - 0.25 * ndi.gaussian_filter(dark, 0.25 * px))
        rim = 1 - 0.35 * np.exp(-((edge - 0.05) ** 2) / (2 * 0.07**2))  # shadow of the cut edge
        reflectance = (self.window * tissue + (1 - self.window) * bone) * rim
        reflectance = ndi.gaussian_filter(reflectance, 1.0)  # the optics; also makes the Fourier shift exact
        border = np.minimum(np.minimum(np.arange(n), np.arange(n)[::-1]) / (0.6 * self.pad), 1.0)
        taper = np.sin(np.pi / 2 * border) ** 2
        taper = np.minimum.outer(taper, taper)
        self.reflectance = (reflectance.mean() + taper * (reflectance - reflectance.mean())).astype(np.float32)
        self.response = self.window * (1 - 0.25 * np.clip(dark / 0.4, 0, 1))  # the signal is weaker in large vessels
        self.sinus_width = sinus_width

        # What stays with the camera.
        y, x = self.crop(self.y), self.crop(self.x)
        cy, cx = rng.uniform(4.0, 6.0, 2)
        light = np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * 6.0**2)) * (1 + 0.05 * (x - 5) / 5 * rng.choice([-1, 1]))
        self.illumination = (light / light.mean() * (1 + 0.003 * rng.standard_normal(y.shape))).astype(np.float32)
        glare = np.zeros_like(y)
        cortex = self.crop(self.cortex)
        for _ in range(9):
            while True:
                gy, gx = rng.uniform(0.8, 9.2, 2)
                if cortex[int(gy * px), int(gx * px)]:
                    break
            wide, long, tilt = rng.uniform(0.02, 0.05), rng.uniform(0.04, 0.14), rng.uniform(0, np.pi)
            a = (y - gy) * np.sin(tilt) + (x - gx) * np.cos(tilt)
            b = (y - gy) * np.cos(tilt) - (x - gx) * np.sin(tilt)
            glare += rng.uniform(0.4, 2.0) * np.exp(-((a / long) ** 2) / 2 - ((b / wide) ** 2) / 2)
        self.glare = glare.astype(np.float32)

    def crop(self, field):
        p = self.pad
        return field[..., p : p + self.size, p : p + self.size]

    def _vessels(self, rng, px):
        """Darkness of the pial vessels, 0..1: veins draining to the sinus and arteries from the sides."""
        points = []

        def grow(y, x, heading, radius, length, depth):
            curl = 0.0
            for _ in range(int(length / 0.02)):
                curl = 0.9 * curl + rng.normal(0, 0.006)
                heading += curl + rng.normal(0, 0.05)
                y, x = y + 0.02 * np.sin(heading), x + 0.02 * np.cos(heading)
                if not (-0.5 < y < 10.5 and -0.5 < x < 10.5):
                    return
                points.append((y, x, radius))
                radius = max(radius * 0.9975, 0.010)
                if depth < 4 and rng.random() < 0.018:
                    turn = rng.choice([-1, 1]) * rng.uniform(0.5, 1.1)
                    grow(
                        y, x, heading + turn, radius * rng.uniform(0.5, 0.8), length * rng.uniform(0.35, 0.7), depth + 1
                    )

        for side in (-1, 1):
            for y in np.linspace(1.0, 9.0, 5) + rng.uniform(-0.5, 0.5, 5):  # veins, away from the midline
                outward = 0.0 if side > 0 else np.pi
                grow(
                    y,
                    5.0 + side * 0.1,
                    outward + rng.uniform(-0.6, 0.6),
                    rng.uniform(0.045, 0.09),
                    rng.uniform(2.5, 4.5),
                    0,
                )
            for y in np.linspace(1.5, 8.5, 4) + rng.uniform(-0.6, 0.6, 4):  # arteries, towards it
                inward = np.pi if side > 0 else 0.0
                grow(
                    y,
                    5.0 + side * 4.9,
                    inward + rng.uniform(-0.7, 0.7),
                    rng.uniform(0.03, 0.06),
                    rng.uniform(3.0, 5.0),
                    0,
                )
        points = np.array(points)
        dark = np.zeros((self.canvas, self.canvas))
        classes = np.geomspace(0.009, 0.1, 9)
        which = np.digitize(points[:, 2], classes)
        for c in np.unique(which):
            chosen = points[which == c]
            radius = chosen[:, 2].mean()
            marks = np.ones(dark.shape, bool)
            rows = np.round(chosen[:, 0] * px).astype(int) + self.pad
            cols = np.round(chosen[:, 1] * px).astype(int) + self.pad
            fits = (rows >= 0) & (rows < self.canvas) & (cols >= 0) & (cols < self.canvas)
            marks[rows[fits], cols[fits]] = False
            distance = ndi.distance_transform_edt(marks) * self.mm
            depth = 0.14 + 0.30 * min(radius / 0.07, 1.0)
            dark = np.maximum(dark, depth * sigmoid((radius - distance) / 0.012))
        return dark


class Course:
    """Time course of a wave at one place: dip, rise, fall, undershoot; peak 1, steepest at 0, mean over 1 s bins."""

    def __init__(self, edge_s, bin_s=1.0):
        step = 0.05
        t = np.arange(-80, 400, step)
        after = np.maximum(t, 0)
        raw = np.where(t >= 0, 1.28 * np.exp(-((after / 30.0) ** 2)) - 0.28 * np.exp(-after / 75.0), 0.0)
        rise = ndi.gaussian_filter1d(raw, edge_s / step, mode="nearest")
        dip = 0.12 * np.exp(-((t + 11.0) ** 2) / (2 * 4.5**2))
        value = rise / rise.max() - dip
        value /= value.max()
        self.t = t - t[np.argmax(np.gradient(value))]
        self.value = ndi.uniform_filter1d(value, max(int(round(bin_s / step)), 1), mode="nearest")

    def __call__(self, t):
        return np.interp(t, self.t, self.value, left=0.0, right=0.0)


def travel_time(y, x, site, slowness, mm, pad, samples=64):
    """Seconds from `site` (mm) to every point along straight rays through `slowness` (s/mm on the canvas)."""
    total = np.zeros(y.shape)
    for k in range(samples):
        f = (k + 0.5) / samples
        rows = (site[0] + f * (y - site[0])) / mm + pad
        cols = (site[1] + f * (x - site[1])) / mm + pad
        total += ndi.map_coordinates(slowness, [rows, cols], order=1, mode="nearest")
    return total / samples * np.hypot(y - site[0], x - site[1])


class Waves:
    """Arrival times, amplitudes and stretch of every wave on the canvas."""

    def __init__(self, rng, scene, style, peak):
        self.scene, self.course, self.items = scene, Course(style.course_s), []
        px = 1.0 / scene.mm
        for spec in style.waves:
            side = 1 if spec.site_mm[1] > 5 else -1
            site = np.array(spec.site_mm) + rng.uniform(-0.2, 0.2, 2)
            unevenness = np.clip(smooth_noise(rng, scene.y.shape, 1.2 * px), -2, 2)
            slowness = 60.0 / (spec.speed_mm_min * (1 + 0.08 * unevenness))
            angle = np.arctan2(scene.y - site[0], scene.x - site[1])
            r = np.hypot(scene.y - site[0], scene.x - site[1])
            off = np.abs((angle - np.deg2rad(spec.heading_deg) + np.pi) % (2 * np.pi) - np.pi)
            faster = rng.uniform(0, 2 * np.pi)
            # The dependence on direction sets in over the first 0.3 mm, so that the front is smooth at the site.
            onset = 1 - np.exp(-((r / 0.3) ** 2))
            arrival = travel_time(scene.y, scene.x, site, slowness, scene.mm, scene.pad)
            arrival = spec.start_s + arrival / (1 + 0.08 * onset * np.cos(angle - faster))
            along = r / spec.reach_mm
            half = np.deg2rad(spec.half_angle_deg) * (1 - 0.35 * np.clip(along, 0, 1))
            sector = sigmoid(((half - off) * r + 0.4 * np.exp(-((r / 0.4) ** 2))) / 0.12)
            amplitude = np.exp(-r / (1.35 * spec.reach_mm)) * sector * sigmoid((spec.reach_mm - r) / 0.15)
            amplitude *= 1 + 0.10 * np.clip(smooth_noise(rng, scene.y.shape, 0.7 * px), -2, 2)
            amplitude *= sigmoid((side * scene.from_midline - scene.sinus_width - 0.03) / 0.02)
            self.items.append(
                dict(
                    spec=spec,
                    side=side,
                    site=site,
                    arrival=arrival,
                    amplitude=amplitude,
                    stretch=1.06 - 0.2 * np.clip(along, 0, 1),
                )
            )
        # Refractory tissue: where waves of one hemisphere compete within minutes, the first to arrive keeps it.
        for item in self.items:
            item["owns"] = np.ones(scene.y.shape)
            for other in self.items:
                if (
                    other is item
                    or other["side"] != item["side"]
                    or abs(other["spec"].start_s - item["spec"].start_s) > 180
                ):
                    continue
                reachable = other["amplitude"] > 0.1
                item["owns"] *= np.where(reachable, sigmoid((other["arrival"] - item["arrival"]) / 1.0), 1.0)
        for item in self.items:
            amplitude = item["amplitude"] * item["owns"]
            inside = scene.cortex & (item["owns"] > 0.5)
            scale = np.percentile(amplitude[inside & (amplitude > 0.1 * amplitude.max())], 99.5)
            item["amplitude"] = (amplitude / scale * peak * item["spec"].relative_amplitude * scene.response).astype(
                np.float32
            )
            item["active"] = np.abs(item["amplitude"]) > 1e-7
            item["last_s"] = float(item["arrival"][item["active"]].max()) + 400

    def one(self, item, t):
        """Relative change of one wave at the bin centred on `t`, on the canvas."""
        out = np.zeros(self.scene.y.shape, np.float32)
        if item["spec"].start_s - 60 < t < item["last_s"]:
            a = item["active"]
            out[a] = item["amplitude"][a] * self.course((t - item["arrival"][a]) / item["stretch"][a])
        return out

    def total(self, t):
        out = np.zeros(self.scene.y.shape, np.float32)
        for item in self.items:
            out += self.one(item, t)
        return out


class Nuisance:
    """Everything that changes in time besides the waves; per frame where it is fast, per second where it is slow."""

    def __init__(self, rng, scene, style, n_seconds, rate, motion_scale):
        n = n_seconds * rate
        t = np.arange(n) / rate
        self.style, self.rate = style, rate

        def slow(sd_s, size=None):
            """Unit Gaussian process on the seconds' grid, brought to frames."""
            knots = ndi.gaussian_filter1d(rng.standard_normal(n_seconds + 2 + int(8 * sd_s)), sd_s)[int(4 * sd_s) :][
                : n_seconds + 2
            ]
            knots = (knots - knots.mean()) / (
                ndi.gaussian_filter1d(np.eye(1, 16 * int(sd_s + 1), 8 * int(sd_s + 1))[0], sd_s) ** 2
            ).sum() ** 0.5
            return np.interp(t, np.arange(-1, n_seconds + 1) + 0.5, knots)

        def rhythm(hz, wander):
            """Phase of an oscillation with a wandering frequency, and a wandering strength around 1."""
            phase = 2 * np.pi * (np.cumsum(hz * (1 + wander * slow(6.0))) / rate + rng.uniform())
            return phase, 1 + 0.2 * slow(4.0)

        breath, breath_size = rhythm(style.respiration_hz, 0.05)
        beat, beat_size = rhythm(style.heart_hz, 0.03)
        # A breath is a short movement and a pause, a beat has a harmonic.
        breath_wave = np.exp(2.0 * (np.cos(breath) - 1))
        breath_wave = (breath_wave - breath_wave.mean()) / breath_wave.std() * breath_size
        beat_wave = np.sin(beat) + 0.4 * np.sin(2 * beat + 0.7)
        beat_wave = beat_wave / beat_wave.std() * beat_size
        self.motion = np.zeros((n, 2))
        for wave, amount, angle in (
            (breath_wave, style.respiration_px, rng.uniform(0.9, 1.7)),
            (beat_wave, style.heart_px, rng.uniform(0, np.pi)),
        ):
            self.motion += amount * np.outer(wave, [np.sin(angle), np.cos(angle)])
        drift = np.stack(
            [slow(style.drift_s) + 0.5 * slow(style.drift_s * 4), slow(style.drift_s) + 0.5 * slow(style.drift_s * 4)],
            1,
        )
        drift -= drift.mean(0)
        self.motion += drift / np.sqrt((drift**2).sum(1).mean()) * style.drift_px
        self.jolts = []
        for at in np.sort(rng.uniform(0.05, 0.95, style.n_jolts)) * n_seconds:
            size, angle, last = rng.uniform(*style.jolt_px), rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 2.5)
            shape = np.clip((t - at) / last, 0, 1)
            bump = np.sin(np.pi * shape) ** 2 + 0.15 * shape * np.exp(-np.maximum(t - at - last, 0) / 20.0)
            self.motion += size * np.outer(bump, [np.sin(angle), np.cos(angle)])
            self.jolts.append(dict(start_s=float(at), duration_s=float(last), size_px=float(size)))
        self.motion *= motion_scale
        flicker = style.flicker * slow(style.flicker_s) + style.frame_flicker * rng.standard_normal(n)
        drift_light = style.light_drift * (0.7 * slow(90.0) + 0.5 * (t / max(t[-1], 1) - 0.5) * rng.choice([-1, 1]))
        pulse = style.respiration_light * breath_wave + style.heart_light * beat_wave
        self.light = (1 + drift_light) * (1 + flicker) * (1 + pulse)
        self.twinkle = 0.02 * slow(2.0)

        # Fields, smooth in space, one value a second.
        px = 1.0 / scene.mm
        self.coarse = max(int(np.ceil(scene.canvas / (style.blotch_mm * px / 2.5))), 8)
        sigma = style.blotch_mm * px / (scene.canvas / self.coarse)
        margin = int(4 * style.blotch_s)
        field = rng.standard_normal((n_seconds + 2 * margin, self.coarse, self.coarse), dtype=np.float32)
        field = ndi.gaussian_filter(field, (style.blotch_s, sigma, sigma), mode="wrap")[margin : margin + n_seconds]
        self.blotches = (field / field.std() * style.blotch).astype(np.float32)
        knots = (np.arange(scene.canvas) + 0.5) / scene.canvas * self.coarse - 0.5
        left = np.clip(np.floor(knots).astype(int), 0, self.coarse - 2)
        part = np.clip(knots - left, 0, 1)
        self.expand = np.zeros((scene.canvas, self.coarse), np.float32)
        self.expand[np.arange(scene.canvas), left] = 1 - part
        self.expand[np.arange(scene.canvas), left + 1] = part
        self.vaso = []
        for weight in (0.7, 0.5, 0.4):
            phase, size = rhythm(rng.uniform(0.07, 0.13), 0.08)
            fields = [smooth_noise(rng, scene.y.shape, 0.9 * px).astype(np.float32) for _ in range(2)]
            self.vaso.append((weight, phase, size, fields))
        self.window = scene.window.astype(np.float32)

    def tissue(self, second):
        """Relative change of the tissue in a second: vasomotion and blotches, on the canvas."""
        k = min(second * self.rate + self.rate // 2, len(self.light) - 1)
        out = self.expand @ self.blotches[second] @ self.expand.T
        for weight, phase, size, (a, b) in self.vaso:
            amount = self.style.vasomotion * weight * size[k]
            out += amount * (0.6 * np.sin(phase[k]) + 0.55 * np.cos(phase[k]) * a + 0.55 * np.sin(phase[k]) * b)
        return out * self.window


def choose_drops(rng, style, n_seconds, rate):
    """True for every frame that reached the disk."""
    kept = rng.random(n_seconds * rate) >= style.dropped_frames
    for at in rng.integers(0, n_seconds * rate, style.drop_bursts):
        kept[at : at + rng.integers(10, 41)] = False
    for first, count in style.dropped_seconds:
        kept[first * rate : (first + count) * rate] = False
    kept[0] = True
    return kept


class Camera:
    """Moves, lights and samples the tissue."""

    def __init__(self, scene, style):
        self.scene = scene
        self.fy = np.fft.fftfreq(scene.canvas).astype(np.float32)
        self.fx = np.fft.rfftfreq(scene.canvas).astype(np.float32)
        cortex = scene.crop(scene.cortex)
        self.gain = style.median_counts / np.median((scene.crop(scene.reflectance) * scene.illumination)[cortex])
        noise = style.frame_noise * style.median_counts
        self.read2 = style.read_counts**2
        self.shot = max(noise**2 - self.read2, 0) / style.median_counts  # variance = shot * counts + read^2

    def spectrum(self, change):
        return scipy.fft.rfft2(self.scene.reflectance * (1 + change))

    def clean(self, spectrum, motion, light, twinkle):
        """Noise-free mean of frames at the positions `motion` [K, 2] px with the brightness `light` [K]."""
        ey = np.exp(-2j * np.pi * np.outer(self.fy, motion[:, 0])).astype(np.complex64)
        ex = np.exp(-2j * np.pi * np.outer(motion[:, 1], self.fx)).astype(np.complex64)
        phase = (ey * (light / len(light)).astype(np.float32)) @ ex
        moved = scipy.fft.irfft2(spectrum * phase, s=(self.scene.canvas,) * 2)
        glare = self.scene.glare * np.float32(light.mean() * (1 + twinkle))
        return (self.scene.crop(moved) * self.scene.illumination + glare) * np.float32(self.gain)

    def noisy(self, rng, clean, frames=1):
        sd = np.sqrt((np.maximum(clean, 0) * np.float32(self.shot) + np.float32(self.read2)) / np.float32(frames))
        return clean + sd * rng.standard_normal(clean.shape, dtype=np.float32)


def wave_masks(rises, cortex, fraction=MASK_FRACTION):
    """Masks of several waves from their rises.

    rises: {id: {interval: [Y, X] rise of the relative reflectance over that interval}}. Returns ({interval: [Y, X] u16
    ids}, {id: peak rise}). A wave's peak is the 99.5th percentile, over the pixels that it reached (largest rise above
    5 % of the largest of all), of the pixel's largest rise. A pixel belongs to the wave with the larger rise among
    those for which it reaches the fraction.
    """
    peaks = {}
    for w, frames in rises.items():
        largest = np.zeros(cortex.shape)
        for rise in frames.values():
            np.maximum(largest, rise, out=largest)
        reached = cortex & (largest > 0.05 * largest[cortex].max())
        peaks[w] = float(np.percentile(largest[reached], 99.5)) if reached.any() else 0.0
    masks = {}
    for i in sorted({i for frames in rises.values() for i in frames}):
        ids, best = np.zeros(cortex.shape, np.uint16), np.zeros(cortex.shape)
        for w, frames in rises.items():
            if i in frames and peaks[w] > 0:
                take = cortex & (frames[i] >= fraction * peaks[w]) & (frames[i] > best)
                ids[take], best[take] = w, frames[i][take]
        if ids.any():
            masks[i] = ids
    return masks, peaks


def merge_episodes(spans):
    """[(start, end, id)] -> [(start, end, [ids])], overlapping spans merged."""
    merged = []
    for start, end, w in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]), merged[-1][2] + [w])
        else:
            merged.append((start, end, [w]))
    return merged


def write_truth(out, scene, waves, n_seconds, style, kept, rate, nuisance, info, rate_truth):
    size, mm = scene.size, scene.mm
    cortex = scene.crop(scene.cortex)
    n_intervals = (n_seconds - 1) // INTERVAL_S
    rises, tops = {}, {}
    for w, item in enumerate(waves.items, 1):
        rises[w], top = {}, np.zeros((size, size), np.float32)
        previous = scene.crop(waves.one(item, 0.5))
        for i in range(n_intervals):
            now = scene.crop(waves.one(item, INTERVAL_S * (i + 1) + 0.5))
            rise = now - previous
            if rise.max() > 1e-6:
                rises[w][i] = rise
            top, previous = np.maximum(top, now), now
        tops[w] = top
    masks, peaks = wave_masks(rises, cortex)
    stack = np.zeros((n_intervals, size, size), np.uint16)
    for i, ids in masks.items():
        areas = np.bincount(ids.ravel(), minlength=len(waves.items) + 1)
        stack[i] = np.where((areas * mm**2 >= VISIBLE_MM2)[ids], ids, 0)
    tifffile.imwrite(
        out / "truth_masks.tif", stack, compression="zlib", photometric="minisblack", metadata={"axes": "TYX"}
    )
    if rate_truth:
        total = np.zeros((n_intervals, size, size), np.float32)
        for frames in rises.values():
            for i, rise in frames.items():
                total[i] += rise
        tifffile.imwrite(out / "truth_rate.tif", total, photometric="minisblack", metadata={"axes": "TYX"})
    tifffile.imwrite(out / "truth_cortex.tif", cortex.astype(np.uint8) * 255)
    tifffile.imwrite(out / "truth_left.tif", (scene.crop(scene.from_midline) < 0).astype(np.uint8) * 255)

    per_second = kept.reshape(n_seconds, rate).sum(1)
    invalid = [
        i for i in range(n_intervals) if per_second[INTERVAL_S * i] == 0 or per_second[INTERVAL_S * (i + 1)] == 0
    ]
    rows, spans = [], []
    for w, item in enumerate(waves.items, 1):
        area = (stack == w).sum((1, 2))
        seen = np.flatnonzero(area)
        visited = (stack == w).any(0)
        arrival = scene.crop(item["arrival"])
        gy, gx = np.gradient(arrival, mm)
        with np.errstate(divide="ignore"):
            speed = 60.0 / np.hypot(gy, gx)
        tifffile.imwrite(out / f"truth_arrival_{w}.tif", np.where(visited, arrival, np.nan).astype(np.float32))
        start, end = int(seen[0]), int(seen[-1]) + 1
        rows.append(
            dict(
                wave_id=w,
                side="left" if item["side"] < 0 else "right",
                origin_y_px=item["site"][0] / mm,
                origin_x_px=item["site"][1] / mm,
                origin_y_mm=item["site"][0],
                origin_x_mm=item["site"][1],
                onset_s=item["spec"].start_s,
                start_frame=start,
                end_frame=end,
                start_s=start * INTERVAL_S,
                end_s=end * INTERVAL_S,
                speed_mm_min=float(np.median(speed[visited])),
                speed_p10_mm_min=float(np.percentile(speed[visited], 10)),
                speed_p90_mm_min=float(np.percentile(speed[visited], 90)),
                peak_amplitude=float(np.percentile(tops[w][visited], 99.5)),
                peak_rise=peaks[w],
                cover_area_mm2=float(visited.sum() * mm**2),
                max_area_mm2=float(area.max() * mm**2),
                area_px=area[start:end].tolist(),
            )
        )
        spans.append((start * INTERVAL_S, end * INTERVAL_S, w))
    truth = dict(
        definitions=dict(
            speed_mm_min="median over the visited area of 60 / |gradient of the arrival time|",
            arrival="time in s from the start of second 0 at which the rise is steepest",
            visited="pixels that are in the wave's mask in any interval",
            mask=f"rise over {INTERVAL_S} s of the noise-free, motion-free relative reflectance >= {MASK_FRACTION} of "
            f"the wave's peak rise, in the cortex; left out where smaller than {VISIBLE_MM2} mm2",
            start_s="start of the first interval with a mask; end_s: end of the last one",
            bins="second-bin j covers j to j + 1 s; interval i is from second-bin 5 i to 5 (i + 1)",
            side="of the image: left = smaller x",
        ),
        mm_per_px=mm,
        interval_s=INTERVAL_S,
        n_seconds=n_seconds,
        n_intervals=n_intervals,
        invalid_intervals=invalid,
        missing_seconds=np.flatnonzero(per_second == 0).tolist(),
        waves=rows,
        episodes=[
            dict(episode_id=e, start_s=a, end_s=b, waves=ids) for e, (a, b, ids) in enumerate(merge_episodes(spans), 1)
        ],
        **info,
    )
    (out / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")
    with open(out / "truth_motion.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["second", "y_px", "x_px", "rms_within_px"])
        for s, d in enumerate(nuisance.motion.reshape(n_seconds, rate, 2)):
            mean = d.mean(0)
            writer.writerow([s, f"{mean[0]:.4f}", f"{mean[1]:.4f}", f"{np.sqrt(((d - mean) ** 2).sum(1).mean()):.4f}"])
    return truth


def new_stack(path, shape, mm, interval):
    """A float32 stack on disk to fill: ImageJ where its 4 GB suffice, OME BigTIFF above."""
    um = mm * 1000
    if 4 * int(np.prod(shape)) < 4e9:
        metadata = {"axes": "TYX", "unit": "um", "finterval": interval, "fps": 1.0 / interval}
        options = dict(imagej=True, resolution=(1 / um, 1 / um))
    else:
        metadata = {"axes": "TYX", "TimeIncrement": interval, "TimeIncrementUnit": "s"}
        for axis in "XY":
            metadata.update({f"PhysicalSize{axis}": um, f"PhysicalSize{axis}Unit": "µm"})
        options = dict(ome=True, bigtiff=True)
    return tifffile.memmap(path, shape=shape, dtype=np.float32, photometric="minisblack", metadata=metadata, **options)


def write_seconds(out, rng, scene, waves, nuisance, camera, kept, n_seconds, rate):
    """seconds.tif, a second without frames is NaN, and seconds.csv."""
    path, shape = out / "seconds.tif", (n_seconds, scene.size, scene.size)
    movie = new_stack(path, shape, scene.mm, 1.0)
    rows = []
    for s in range(n_seconds):
        frames = np.arange(s * rate, (s + 1) * rate)[kept[s * rate : (s + 1) * rate]]
        rows.append([s, s, len(frames), rate - len(frames)])
        if len(frames) == 0:
            movie[s] = np.nan
            continue
        spectrum = camera.spectrum(waves.total(s + 0.5) + nuisance.tissue(s))
        clean = camera.clean(spectrum, nuisance.motion[frames], nuisance.light[frames], nuisance.twinkle[frames].mean())
        movie[s] = camera.noisy(rng, clean, len(frames))
    movie.flush()
    with open(out / "seconds.csv", "w", newline="") as file:
        csv.writer(file).writerows([["bin", "start_s", "n_frames", "n_missing"], *rows])


def raw_frames(rng, scene, waves, nuisance, camera, kept, n_seconds, rate):
    """Yields (frame number, u16 image) of the frames that were kept; the tissue changes linearly within a second."""

    def spectrum_at(s):
        return camera.spectrum(waves.total(s + 0.5) + nuisance.tissue(s))

    previous = here = spectrum_at(0)
    following = spectrum_at(min(1, n_seconds - 1))
    for s in range(n_seconds):
        for k in range(s * rate, (s + 1) * rate):
            if kept[k]:
                f = (k - s * rate + 0.5) / rate - 0.5
                mixed = here + abs(f) * ((following if f > 0 else previous) - here)
                one = slice(k, k + 1)
                clean = camera.clean(mixed, nuisance.motion[one], nuisance.light[one], nuisance.twinkle[k])
                yield k, np.clip(np.rint(camera.noisy(rng, clean)), 0, 65535).astype(np.uint16)
        previous, here = here, following
        following = spectrum_at(min(s + 2, n_seconds - 1))


def write_raw(out, form, start, rate, mm, kept, frames):
    begin = datetime.datetime.fromisoformat(start).replace(tzinfo=datetime.timezone.utc)

    def clock(k):
        return begin + datetime.timedelta(milliseconds=int(k * 1000 / rate))

    if form == "folder":
        folder = out / "raw"
        folder.mkdir()
        for k, image in frames:
            at = clock(k)
            path = folder / f"{at:%Y%m%d_%H%M%S}_{at.microsecond // 1000:03d}.tif"
            tifffile.imwrite(path, image, resolution=(1.0 / (mm * 1000),) * 2, metadata=None)
            nanoseconds = int(at.timestamp()) * 10**9 + at.microsecond * 1000
            os.utime(path, ns=(nanoseconds, nanoseconds))
        return
    numbers = np.flatnonzero(kept)
    metadata = {
        "axes": "TYX",
        "PhysicalSizeX": mm * 1000,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": mm * 1000,
        "PhysicalSizeYUnit": "µm",
        "TimeIncrement": 1.0 / rate,
        "TimeIncrementUnit": "s",
        "Plane": {"DeltaT": [round(k / rate, 6) for k in numbers], "DeltaTUnit": ["s"] * len(numbers)},
    }
    iterator = (image for _, image in frames)
    size = int(round(FIELD_MM / mm))
    with tifffile.TiffWriter(out / "raw.ome.tif", bigtiff=True, ome=True) as writer:
        writer.write(
            iterator,
            shape=(len(numbers), size, size),
            dtype=np.uint16,
            photometric="minisblack",
            datetime=begin.replace(tzinfo=None),
            metadata=metadata,
            contiguous=False,
        )
    with open(out / "timestamps.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["plane", "frame", "time_s", "clock"])
        writer.writerows(
            [i, k, f"{k / rate:.6f}", clock(k).isoformat(timespec="milliseconds")[:-6]] for i, k in enumerate(numbers)
        )


def simulate(
    out,
    preset=1,
    minutes=None,
    seed=None,
    form="folder",
    size=512,
    rate=60,
    seconds=False,
    amplitude=0.03,
    noise=None,
    motion=1.0,
    drops=True,
    rate_truth=False,
    truth_only=False,
    style=None,
    changes=None,
):
    """Write a recording to the folder `out` and return its truth.

    `style` replaces the preset, `changes` some of its values.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    style = style or PRESETS[preset]
    seed = 700 + preset if seed is None else seed
    if minutes is not None:
        part = minutes / style.minutes
        rare = {name: round(getattr(style, name) * part) for name in ("n_jolts", "drop_bursts")}
        style = dataclasses.replace(style, minutes=minutes, **rare)
    if noise is not None:
        style = dataclasses.replace(style, frame_noise=noise)
    style = dataclasses.replace(style, **(changes or {}))
    n_seconds = int(round(style.minutes * 60))
    style = dataclasses.replace(style, waves=tuple(w for w in style.waves if w.start_s + 60 < n_seconds))
    # One stream per part, so that an option of one part leaves the others as they are.
    streams = [np.random.default_rng([seed, part]) for part in range(5)]
    scene = Scene(streams[0], size)
    waves = Waves(streams[1], scene, style, amplitude)
    nuisance = Nuisance(streams[2], scene, style, n_seconds, rate, motion)
    kept = choose_drops(streams[3], style, n_seconds, rate) if drops else np.ones(n_seconds * rate, bool)
    camera = Camera(scene, style)
    info = dict(
        start=style.start,
        rate_hz=rate,
        seed=seed,
        motion_rms_px=float(np.sqrt((nuisance.motion**2).sum(1).mean())),
        jolts=nuisance.jolts,
    )
    truth = write_truth(out, scene, waves, n_seconds, style, kept, rate, nuisance, info, rate_truth)
    parameters = dict(
        preset=preset,
        seed=seed,
        size=size,
        rate=rate,
        amplitude=amplitude,
        motion=motion,
        drops=drops,
        style=dataclasses.asdict(style),
    )
    (out / "simulation.json").write_text(json.dumps(parameters, indent=1) + "\n")
    if truth_only:
        return truth
    if seconds:
        write_seconds(out, streams[4], scene, waves, nuisance, camera, kept, n_seconds, rate)
    else:
        frames = raw_frames(streams[4], scene, waves, nuisance, camera, kept, n_seconds, rate)
        write_raw(out, form, style.start, rate, scene.mm, kept, frames)
    return truth


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--preset", type=int, choices=sorted(PRESETS), default=1)
    parser.add_argument(
        "--minutes", type=float, help="length; waves that would start in the last minute or later are left out"
    )
    parser.add_argument("--seed", type=int)
    parser.add_argument(
        "--format",
        choices=["folder", "tiff"],
        default="folder",
        help="raw frames: one file a frame, or one OME BigTIFF",
    )
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rate", type=int, default=60, help="frames per second")
    parser.add_argument("--seconds", action="store_true", help="write the means of the seconds instead of frames")
    parser.add_argument("--amplitude", type=float, default=3.0, help="peak of a wave in percent (0.1 to 6)")
    parser.add_argument("--noise", type=float, help="noise of one frame as a fraction of the intensity (default 0.012)")
    parser.add_argument("--motion", type=float, default=1.0, help="scale of all motion")
    parser.add_argument("--no-drops", action="store_true")
    parser.add_argument("--rate-truth", action="store_true", help="write truth_rate.tif too")
    parser.add_argument("--truth-only", action="store_true", help="write the truth, no images")
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="NAME=VALUE", help="change numbers of the preset, e.g. blotch=0"
    )
    a = parser.parse_args()
    numbers = {name: type(value) for name, value in vars(Style()).items() if isinstance(value, (int, float))}
    changes = {}
    for pair in a.set:
        name, _, value = pair.partition("=")
        if name not in numbers:
            parser.error(f"--set {pair}: no number of that name; the numbers are {', '.join(numbers)}")
        changes[name] = numbers[name](float(value))
    truth = simulate(
        a.out,
        a.preset,
        a.minutes,
        a.seed,
        a.format,
        a.size,
        a.rate,
        a.seconds,
        a.amplitude / 100,
        a.noise,
        a.motion,
        not a.no_drops,
        a.rate_truth,
        a.truth_only,
        changes=changes,
    )
    for w in truth["waves"]:
        print(
            f"wave {w['wave_id']} {w['side']}: {w['start_s']}-{w['end_s']} s, {w['speed_mm_min']:.2f} mm/min, "
            f"peak {100 * w['peak_amplitude']:.2f} %, rise {100 * w['peak_rise']:.2f} %, "
            f"largest mask {w['max_area_mm2']:.2f} mm2"
        )
    print(f"{len(truth['episodes'])} episodes, motion {truth['motion_rms_px']:.2f} px RMS")


if __name__ == "__main__":
    main()
