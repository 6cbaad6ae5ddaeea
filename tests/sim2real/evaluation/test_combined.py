"""A session's trials are driven again on the rebuilt track, those that count."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drawn_track import FPS, write_drawn_track
from policies.policy import Policy
from printed_track import PrintedTrack, record_track
from sim2real.evaluation.combined import combined_with_twins
from sim2real.evaluation.simulation import Episodes
from sim2real.progress import no_stages
from sim2real.statistics.rates import Rate
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


@pytest.mark.slow
def test_trials_have_twins_on_the_track(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sim2real.evaluation.combined.FURTHER", 20)
    track = read_track(write_drawn_track(tmp_path / "oval", shrink=2))
    printed = PrintedTrack()
    drives = [printed.poses(k, 30, SPEED / FPS) for k in (100, 400, 700)]
    saved = record_track(tmp_path / "episodes", drives)
    both = [episodes([False, False, True], [0, 1, 2]), episodes([False] * 3, [0, 1, 2], [True] * 3)]
    policy = Policy(replace(untrained().config, task="LaneFollow")).eval()
    combined = combined_with_twins(track, [policy, policy], both, saved, 0, no_stages)
    assert set(combined) == {0}, "no trial of the second counts"
    assert combined[0].wilson == Rate.of(1, 3) and combined[0].simulated == 20
    assert "at least 30 real trials" in combined[0].refused
