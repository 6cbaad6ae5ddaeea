"""Which rehearsal robot: the usual one, another one by its preset, and nothing else."""

from pathlib import Path

import numpy as np
import pytest

from sim2real.collection.config import RecordConfig
from sim2real.collection.rehearsal import record_on_rehearsal
from sim2real.datasets import EpisodeDataset
from sim2real.errors import InputError
from sim2real.evaluation.config import EvaluateConfig
from sim2real.rehearsal.preset import PRESET, rehearsal_preset


def test_the_usual_one_unless_another_is_named():
    assert rehearsal_preset("none", "none") == rehearsal_preset(PRESET, "none") == PRESET
    assert RecordConfig().preset == EvaluateConfig(Path("p"), on="rehearsal").preset == PRESET
    assert RecordConfig(randomization="rehearsal-tape").preset == "rehearsal-tape"


@pytest.mark.parametrize("name", ["wide", "rehearsals", "places", "mine.toml"])
def test_nothing_but_rehearsal_robots(name):
    for config in (
        lambda: RecordConfig(randomization=name),
        lambda: EvaluateConfig(Path("p"), on="rehearsal", randomization=name),
    ):
        with pytest.raises(InputError, match="fixed appearance"):
            config()


def test_it_is_recorded_as_it_looks(tmp_path):
    means = {}
    for name in ("none", "rehearsal-tape"):
        record_on_rehearsal(tmp_path / name, RecordConfig(episodes=2, seconds=0.5, randomization=name))
        episode = EpisodeDataset.open(tmp_path / name).episode(0)
        means[name] = float(episode.images("observation.images.front", np.arange(2)).mean())
    assert means["rehearsal-tape"] > 1.3 * means["none"]  # a bright floor


def test_an_arm_has_no_such_robot(tmp_path):
    with pytest.raises(InputError, match="Reach has no randomization 'rehearsal-tape'"):
        record_on_rehearsal(
            tmp_path / "set",
            RecordConfig(task="Reach", episodes=1, seconds=0.5, randomization="rehearsal-tape"),
            teacher=lambda state: np.zeros((len(state), 6)),
        )
    assert not (tmp_path / "set").exists()
