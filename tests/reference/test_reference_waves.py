"""Checks of simulate_waves.py and score_waves.py."""

import csv
import dataclasses
import hashlib
import json

import numpy as np
import pytest
import score_waves
import simulate_waves as sim
import tifffile

TINY = dataclasses.replace(
    sim.PRESETS[2],
    minutes=3.5,
    waves=(sim.Wave(40, (2.6, 3.0), 90, 4.0, reach_mm=3.5), sim.Wave(60, (3.0, 6.9), 90, 5.0, reach_mm=3.5)),
    dropped_seconds=((20, 2),),
)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    out = tmp_path_factory.mktemp("waves") / "sim"
    sim.simulate(out, style=TINY, size=128, rate=20, seconds=True, seed=5)
    return out


def write_run(folder, truth_dir, keep=lambda wave: True):
    """The truth in the clothes of a run."""
    folder.mkdir(exist_ok=True)
    truth = json.loads((truth_dir / "truth.json").read_text())
    masks = tifffile.imread(truth_dir / "truth_masks.tif")
    waves = [w for w in truth["waves"] if keep(w)]
    masks[~np.isin(masks, [w["wave_id"] for w in waves])] = 0
    tifffile.imwrite(folder / "masks.tif", masks * 7)
    columns = ["wave_id", "speed_mm_min", "origin_y_px", "origin_x_px", "side"]
    with open(folder / "waves.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([w["wave_id"] * 7, *(w[c] for c in columns[1:])] for w in waves)
    with open(folder / "episodes.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["episode_id", "start_s", "end_s"])
        writer.writerows([e["episode_id"], e["start_s"], e["end_s"]] for e in truth["episodes"] if waves)
    return folder


def test_arrival_of_a_circle_and_of_a_linear_slowness():
    mm, pad, n = 0.05, 4, 108
    axis = (np.arange(n) - pad) * mm
    y, x = np.meshgrid(axis, axis, indexing="ij")
    site = (2.0, 3.0)
    r = np.hypot(y - site[0], x - site[1])
    t = sim.travel_time(y, x, site, np.full((n, n), 20.0), mm, pad)
    np.testing.assert_allclose(t, 20.0 * r, atol=1e-9)
    # Slowness a + b x: along a straight ray its mean is the mean of its ends.
    t = sim.travel_time(y, x, site, 15.0 + 2.0 * x, mm, pad)
    np.testing.assert_allclose(t, (15.0 + x + site[1]) * r, atol=1e-9)


def test_course_is_steepest_at_zero_and_peaks_at_one():
    course = sim.Course(4.3)
    t = np.arange(-60, 350, 0.1)
    v = course(t)
    assert v.max() == pytest.approx(1.0, abs=0.01)
    assert abs(t[np.argmax(np.gradient(v))]) < 0.3
    assert -0.2 < v[t < 0].min() < -0.05  # dip
    assert -0.4 < v[t > 30].min() < -0.1  # undershoot
    assert abs(v[-1]) < 0.02


def test_masks_of_a_tiny_case():
    cortex = np.ones((1, 6), bool)
    cortex[0, 5] = False
    a = np.array([[1.0, 0.36, 0.30, 0.5, 0.0, 9.0]])
    b = np.array([[0.0, 0.0, 0.0, 0.4, 0.8, 9.0]])
    masks, peaks = sim.wave_masks({1: {3: a}, 2: {3: b}}, cortex)
    assert 0.98 < peaks[1] <= 1.0 and 0.78 < peaks[2] <= 0.8
    # Pixel 2 is under the fraction, 3 goes to the larger rise, 5 is outside the cortex.
    assert masks[3].tolist() == [[1, 1, 0, 1, 2, 0]]


def test_episodes_merge_only_what_overlaps():
    assert sim.merge_episodes([(50, 90, 2), (10, 60, 1), (90, 120, 3)]) == [(10, 90, [1, 2]), (90, 120, [3])]


def test_recording_is_what_it_says(recording):
    truth = json.loads((recording / "truth.json").read_text())
    seconds = tifffile.imread(recording / "seconds.tif")
    masks = tifffile.imread(recording / "truth_masks.tif")
    assert seconds.dtype == np.float32 and masks.dtype == np.uint16
    assert len(seconds) == 210 and len(masks) == 41
    assert np.isnan(seconds[[20, 21]]).all() and np.isfinite(np.delete(seconds, [20, 21], 0)).all()
    assert truth["invalid_intervals"] == [3, 4] and truth["missing_seconds"] == [20, 21]
    assert truth["motion_rms_px"] == pytest.approx(0.5, abs=0.06)
    left = tifffile.imread(recording / "truth_left.tif") > 0
    assert not (masks == 1)[:, ~left].any() and not (masks == 2)[:, left].any()
    assert len(truth["episodes"]) == 1 and truth["episodes"][0]["waves"] == [1, 2]
    for w, nominal in zip(truth["waves"], (4.0, 5.0)):
        assert w["speed_mm_min"] == pytest.approx(nominal, rel=0.15)
        assert w["peak_amplitude"] == pytest.approx(0.03, rel=0.2)
        arrival = tifffile.imread(recording / f"truth_arrival_{w['wave_id']}.tif")
        # A band passes when its arrival time does.
        i = (w["start_frame"] + w["end_frame"]) // 2
        inside = np.median(arrival[masks[i] == w["wave_id"]])
        assert 5 * i - 4 < inside < 5 * i + 10


def test_noise_of_a_frame(tmp_path):
    still = dataclasses.replace(
        TINY, minutes=0.1, waves=(), flicker=0, frame_flicker=0, light_drift=0, vasomotion=0, blotch=0,
        respiration_light=0, heart_light=0, dropped_frames=0, dropped_seconds=(),
    )  # fmt: skip
    sim.simulate(tmp_path, style=still, size=128, rate=10, motion=0.0, seed=1, form="folder")
    paths = sorted((tmp_path / "raw").iterdir())
    assert len(paths) == 60 and paths[1].name == "20260305_140307_100.tif"
    frames = np.stack([tifffile.imread(p) for p in paths]).astype(float)
    cortex = tifffile.imread(tmp_path / "truth_cortex.tif") > 0
    assert np.median((frames.std(0, ddof=1) / frames.mean(0))[cortex]) == pytest.approx(0.012, rel=0.05)
    assert np.median(frames.mean(0)[cortex]) == pytest.approx(11000, rel=0.03)


def test_same_seed_same_bytes(tmp_path):
    def run(name, seed):
        sim.simulate(
            tmp_path / name,
            style=dataclasses.replace(TINY, minutes=0.4, waves=()),
            size=64,
            rate=5,
            seconds=True,
            seed=seed,
        )
        return hashlib.sha256(tifffile.imread(tmp_path / name / "seconds.tif").tobytes()).hexdigest()

    assert run("a", 1) == run("b", 1) != run("c", 2)


def test_stack_and_folder_hold_the_same_frames_over_midnight(tmp_path):
    style = dataclasses.replace(
        TINY, minutes=0.1, waves=(), start="2026-03-05T23:59:58", dropped_frames=0.1, dropped_seconds=((3, 1),)
    )
    for form in ("folder", "tiff"):
        sim.simulate(tmp_path / form, style=style, size=64, rate=8, form=form, seed=3)
    paths = sorted((tmp_path / "folder" / "raw").iterdir())
    assert paths[0].name.startswith("20260305_235958_") and paths[-1].name.startswith("20260306_00000")
    assert not any("_000001_" in p.name for p in paths)
    with tifffile.TiffFile(tmp_path / "tiff" / "raw.ome.tif") as file:
        assert file.is_bigtiff and file.is_ome
        stack = file.asarray()
    np.testing.assert_array_equal(stack, np.stack([tifffile.imread(p) for p in paths]))


def test_seconds_are_the_means_of_the_frames(tmp_path):
    style = dataclasses.replace(
        TINY, minutes=0.1, frame_noise=1e-6, read_counts=0.0, waves=(), dropped_seconds=((2, 1),)
    )
    for name, seconds in (("frames", False), ("seconds", True)):
        sim.simulate(tmp_path / name, style=style, size=96, rate=20, seconds=seconds, form="tiff", seed=8)
    frames = tifffile.imread(tmp_path / "frames" / "raw.ome.tif").astype(float)
    means = tifffile.imread(tmp_path / "seconds" / "seconds.tif")
    with open(tmp_path / "frames" / "timestamps.csv", newline="") as file:
        second = np.array([int(float(row["time_s"])) for row in csv.DictReader(file)])
    assert 2 not in second and np.isnan(means[2]).all()
    for s in (0, 1, 3, 4, 5):  # what remains is the change of the tissue in half a second
        error = frames[second == s].mean(0) / means[s] - 1
        assert np.sqrt((error**2).mean()) < 5e-4


def test_perfect_run(recording, tmp_path):
    result = score_waves.score_run(write_run(tmp_path / "run", recording), recording)
    assert result["episodes"]["recall"] == 1 and result["episodes"]["false"] == 0
    assert result["mean_frame_dice"] == 1 and result["union_dice"] == 1
    for w in result["waves"]:
        assert w["pooled_dice"] == 1 and w["id_swaps"] == 0 and w["leak"] == 0
        assert abs(w["speed_error_pct"]) < 1e-9 and w["origin_error_mm"] < 1e-6 and w["side_right"]


def test_half_empty_and_swapped_runs(recording, tmp_path):
    half = score_waves.score_run(write_run(tmp_path / "half", recording, keep=lambda w: w["wave_id"] == 1), recording)
    assert [w["frame_dice"] for w in half["waves"]] == [1, 0] and half["mean_frame_dice"] == 0.5
    (tmp_path / "empty").mkdir()
    empty = score_waves.score_run(tmp_path / "empty", recording)
    assert empty["episodes"]["found"] == 0 and empty["mean_frame_dice"] == 0
    truth = tifffile.imread(recording / "truth_masks.tif")
    swapped, shared = truth.copy(), [i for i in range(len(truth)) if (truth[i] == 1).any() and (truth[i] == 2).any()]
    i = shared[len(shared) // 2]
    swapped[i][truth[i] == 1], swapped[i][truth[i] == 2] = 2, 1
    rows = score_waves.score_masks(truth, swapped)["waves"]
    assert [w["id_swaps"] for w in rows] == [1, 1] and all(0 < w["leak"] < 0.5 and w["frame_dice"] < 1 for w in rows)


def test_episode_scores():
    s = score_waves.score_episodes([(100, 200), (500, 600)], [(110, 210), (300, 320), (590, 700)])
    assert s["found"] == 1 and s["false"] == 1 and s["iou"][0] == pytest.approx(90 / 110)
