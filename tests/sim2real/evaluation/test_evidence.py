"""What a session's episodes show: in the order in which they were driven, with twins on the rebuilt track."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drawn_track import FPS, write_drawn_track
from policies.policy import Policy
from printed_track import PrintedTrack, record_track
from sim2real.evaluation.evidence import FURTHER, in_order, sequential_figures, twin_figures
from sim2real.evaluation.simulation import Episodes
from sim2real.progress import no_stages
from sim2real.tracks.rebuilt import read_track
from untrained import untrained

SPEED = 1.5  # m/s


def episodes(success: list[bool], order: list[int], slow: list[bool] | None = None) -> Episodes:
    n = len(success)
    loops = tuple({"order": place, "file": k} for k, place in enumerate(order))
    none = np.zeros(n, bool)
    return Episodes(
        np.arange(n),
        np.array(success),
        none,
        np.full(n, 9),
        np.zeros(n),
        none,
        loops,
        None if slow is None else np.array(slow),
    )


def test_the_interval_follows_the_order_of_driving():
    one = episodes([True, True, False, False], [3, 2, 1, 0], [False, True, False, False])
    np.testing.assert_array_equal(in_order(one), [False, False, True])
    figures = sequential_figures([one])
    assert figures["rates"][0]["count"] == 3 and "difference" not in figures


def test_two_policies_are_compared_in_scenes_that_count_for_both():
    won = episodes([True] * 30, list(range(0, 60, 2)))
    lost = episodes([False] * 30, list(range(1, 60, 2)), [True] + [False] * 29)
    figures = sequential_figures([lost, won])["difference"]
    assert figures["count"] == 29 and figures["low"] > 0 and figures["settled_after"] < 29
    nobody = sequential_figures([episodes([True], [0], [True]), episodes([True], [1])])
    assert nobody["rates"][0] is None and "difference" not in nobody


@pytest.mark.slow
def test_trials_have_twins_on_the_track(tmp_path: Path):
    track = read_track(write_drawn_track(tmp_path / "oval", shrink=2))
    printed = PrintedTrack()
    drives = [printed.poses(k, 30, SPEED / FPS) for k in (100, 400, 700)]
    saved = record_track(tmp_path / "episodes", drives)
    both = [episodes([False, False, True], [0, 1, 2]), episodes([False] * 3, [0, 1, 2], [True] * 3)]
    policy = Policy(replace(untrained().config, task="LaneFollow")).eval()
    twins, none = twin_figures(track, [policy, policy], both, saved, 0, no_stages)
    assert none is None, "no trial of it counts"
    assert twins is not None and twins["unplaced"] == 0 and twins["wilson"]["count"] == 3
    assert twins["simulated"] == FURTHER and "at least 30 real trials" in twins["refused"]
