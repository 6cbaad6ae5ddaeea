"""Seeds of what is learned from, selected on, tested on and recorded: no two of them share an episode."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from envs.lane_follow.task import _SPLITS
from envs.registry import SPLITS
from sim2real.collection.config import RecordConfig
from sim2real.collection.simulation import SimulatedRecording
from sim2real.evaluation.simulation import TEST_SEED
from sim2real.seeds import (
    HELD_OUT,
    RECORDING,
    SIMULATED_RECORDING,
    TEST,
    VALIDATION,
    check_learning_seed,
    draw_learning_seed,
)
from sim2real.training.teacher import complete_training
from sim2real.training.teacher_config import TeacherConfig, TrainConfig


def apart(ranges: list[range]) -> bool:
    return all(a.stop <= b.start or b.stop <= a.start for a, b in combinations(ranges, 2))


def test_what_is_held_out_is_held_out_from_each_other_too():
    assert apart([VALIDATION, TEST, RECORDING, SIMULATED_RECORDING])
    for kind in (VALIDATION, TEST, RECORDING, SIMULATED_RECORDING):
        assert HELD_OUT.start <= kind.start < kind.stop <= HELD_OUT.stop


def test_commands_begin_in_their_own_range():
    """These very numbers: with others, no figure that was published could be had again."""
    assert TEST_SEED == TEST.start == 10_000_000
    assert RecordConfig().first_seed == RECORDING.start == 20_000_000
    assert SimulatedRecording("Reach", 1).seed == SIMULATED_RECORDING.start == 30_000_000
    assert RecordConfig(on="sim").first_seed == SIMULATED_RECORDING.start


def test_every_split_of_the_lane_has_layouts_of_its_own():
    assert set(_SPLITS) == set(SPLITS)
    assert apart([range(c.layout_seed, c.layout_seed + c.layouts) for c in _SPLITS.values()])


@given(seed=st.integers(0, 2**32), frames=st.integers(0, 10**7), worlds=st.integers(1, 4096))
@example(seed=125_306, frames=0, worlds=16)  # its first draw is 13,725,286
@example(seed=270_561, frames=0, worlds=16)  # 10,692,093
def test_no_world_that_learns_has_a_seed_that_is_held_out(seed: int, frames: int, worlds: int):
    random, plain = (np.random.default_rng([seed, frames]) for _ in range(2))
    first = draw_learning_seed(random, worlds)
    assert apart([range(first, first + worlds), HELD_OUT])
    if apart([range(drawn := int(plain.integers(2**40)), drawn + worlds), HELD_OUT]):
        assert first == drawn  # where nothing was held out, runs of earlier versions are reproduced


@given(seed=st.integers(0, 2**32 - 1), worlds=st.integers(1, 4096))
@example(seed=HELD_OUT.start - 1, worlds=1)
@example(seed=HELD_OUT.start - 1, worlds=2)
@example(seed=HELD_OUT.stop - 1, worlds=1)
def test_a_seed_chosen_by_hand_meets_nothing_held_out_or_is_refused(seed: int, worlds: int):
    if apart([range(seed, seed + worlds), HELD_OUT]):
        check_learning_seed(seed, worlds)
    else:
        with pytest.raises(ValueError, match=rf"seed {seed:,} with {worlds} worlds includes seeds reserved for tests"):
            check_learning_seed(seed, worlds)


def test_a_teacher_is_not_trained_on_test_episodes(short_lane: str):
    with pytest.raises(ValueError, match=r"seed 9,999,999 with 256 worlds includes .*: choose at most 9,999,744$"):
        complete_training(TrainConfig(short_lane, TeacherConfig(seed=9_999_999)))
    complete_training(TrainConfig(short_lane, TeacherConfig(seed=9_999_744)))
