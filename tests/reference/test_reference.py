#!/usr/bin/env python3
"""Checks of the reference programs themselves, against answers worked out by hand or by a second program."""

import itertools
import unittest

import numpy as np
from pybaselines import Baseline

import detect
import simulate
from check_run import dice_of_pairs, drift_error, shifted
from published import arpls, find_peaks, noise_by_exclusion, regions_of, runs_of
from scoring import best_pairs, curve_of, pairs_within


class Published(unittest.TestCase):
    def test_arpls_with_sample_sd_is_pybaselines(self):
        y = np.random.default_rng(1).normal(500, 20, 200)
        y[50:60] += 300
        expected, _ = Baseline().arpls(y, lam=1e5, tol=1e-6, max_iter=100)
        np.testing.assert_allclose(arpls(y, 1e5, 1e-6, 100, ddof=1)[0], expected, rtol=1e-9)

    def test_batched_arpls_is_the_single_one(self):
        y = np.random.default_rng(2).normal(500, 20, (150, 3))
        together = detect.arpls(y, lam=1e4, ratio=1e-6, max_iter=101)
        for i in range(3):
            np.testing.assert_allclose(together[:, i], arpls(y[:, i], 1e4, 1e-6, 100, ddof=0)[0], rtol=1e-9)

    def test_plateau_peaks_at_its_first_sample_and_ends_are_no_peaks(self):
        self.assertEqual(find_peaks([3, 1, 4, 4, 2, 2, 5]), [2])

    def test_runs_are_clipped_to_the_window_and_single_samples_dropped(self):
        self.assertEqual(runs_of(np.array([3.0, 3, 3, 5, 3, 3, 3]), 1.0, 2), [(1, 6)])
        self.assertEqual(runs_of(np.array([0.0, 1, 9, 1, 0]), 1.0, 2), [])

    def test_exclusion_removes_an_outlier(self):
        y = np.append(np.tile([-1.0, 1.0], 50), 100.0)
        self.assertLess(noise_by_exclusion(y)[0], 1.001)

    def test_single_linkage_chains(self):
        self.assertEqual(regions_of([(0, 0), (0, 30), (0, 15)], 0.16), [1, 1, 1])
        self.assertEqual(regions_of([(0, 0), (0, 16)], 0.16), [1, 2])


class Scoring(unittest.TestCase):
    def test_matching_is_maximum(self):
        # One detection reaches both truths, the other only the first: nearest-first would lose a match.
        truth, found = np.array([[0.0, 0, 0], [0, 8, 0]]), np.array([[0.0, 3, 0], [0, -4, 0]])
        self.assertEqual(len(best_pairs(truth, found, 0.1, 0.16)), 2)

    def test_both_tolerances_bind_separately(self):
        truth = np.zeros((1, 3))
        self.assertTrue(pairs_within(truth, np.array([[6.0, 6, 0]]), 0.1, 0.16)[0].all())
        self.assertFalse(pairs_within(truth, np.array([[7.0, 0, 0]]), 0.1, 0.16)[0].any())
        self.assertFalse(pairs_within(truth, np.array([[0.0, 6.1, 0]]), 0.1, 0.16)[0].any())

    def test_curve_agrees_with_brute_force(self):
        rng = np.random.default_rng(3)
        for _ in range(20):
            truth, found = rng.uniform(0, 12, (4, 3)), rng.uniform(0, 12, (5, 3))
            allowed = pairs_within(truth, found, 0.1, 0.16)[0]
            best = max(sum(allowed[t, p[t]] for t in range(4)) for p in itertools.permutations(range(5), 4))
            points, _ = curve_of(truth, found, rng.permutation(5.0 + np.arange(5)), 0.1, 0.16)
            self.assertEqual(points[-1].tp, best)

    def test_average_precision_by_hand(self):
        truth = np.array([[0.0, 0, 0], [50, 50, 50]])
        found = np.array([[0.0, 0, 0], [0, 200, 200], [50, 50, 50]])
        _, ap = curve_of(truth, found, np.array([3.0, 2.0, 1.0]), 0.1, 0.16)
        self.assertAlmostEqual(ap, 0.5 * 1 + 0.5 * 2 / 3)

    def test_dice_and_drift(self):
        a, b = np.zeros((1, 4, 4), int), np.zeros((1, 4, 4), int)
        a[0, 0, :3], b[0, 0, 1:4] = 7, 2
        self.assertAlmostEqual(dice_of_pairs(a, b, [(7, 2)]), 2 / 3)
        self.assertEqual(shifted(b, np.array([[1.0, -1.0]]))[0, 1].tolist(), [2, 2, 2, 0])
        plain, centred = drift_error(np.full((5, 2), 3.0), np.zeros((5, 2)))
        self.assertAlmostEqual(plain, 3 * np.sqrt(2))
        self.assertAlmostEqual(centred, 0)


class Simulator(unittest.TestCase):
    def test_camera_noise_has_the_excess_factor_and_time_course_peaks_at_one(self):
        rng = np.random.default_rng(4)
        electrons = rng.poisson(100.0, 200_000)
        register = rng.standard_gamma(electrons.astype(float))
        self.assertAlmostEqual(register.var() / register.mean(), 2.0, delta=0.03)
        course = simulate.time_course(np.arange(0, 400.0), 3.0, 200.0, 10.0)
        self.assertAlmostEqual(course.max(), 1.0, delta=1e-3)

    def test_drift_starts_at_zero_and_reaches_its_size(self):
        drift = simulate.make_drift(np.random.default_rng(5), 300, simulate.Style(drift_px=4.0))
        self.assertEqual(drift[0].tolist(), [0, 0])
        self.assertAlmostEqual(np.hypot(*drift.T).max(), 4.0, delta=0.2)


if __name__ == "__main__":
    unittest.main()
