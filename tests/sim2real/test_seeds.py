"""Seeds of what is learned from, selected on, tested on and recorded: no two of them share an episode."""

from itertools import combinations

from envs.lane_follow.task import _SPLITS
from envs.registry import SPLITS
from sim2real.evaluation.simulation import TEST_SEED
from sim2real.rehearsal.record import Recording
from sim2real.replays.simulated_log import SimulatedRecording
from sim2real.seeds import HELD_OUT, RECORDING, SIMULATED_RECORDING, TEST, VALIDATION


def apart(ranges: list[range]) -> bool:
    return all(a.stop <= b.start or b.stop <= a.start for a, b in combinations(ranges, 2))


def test_what_is_held_out_is_held_out_from_each_other_too():
    assert apart([VALIDATION, TEST, RECORDING, SIMULATED_RECORDING])
    for kind in (VALIDATION, TEST, RECORDING, SIMULATED_RECORDING):
        assert HELD_OUT.start <= kind.start < kind.stop <= HELD_OUT.stop


def test_commands_begin_in_their_own_range():
    """These very numbers: with others, no figure that was published could be had again."""
    assert TEST_SEED == TEST.start == 10_000_000
    assert Recording().seed == RECORDING.start == 20_000_000
    assert SimulatedRecording("Reach", 1).seed == SIMULATED_RECORDING.start == 30_000_000


def test_every_split_of_the_lane_has_layouts_of_its_own():
    assert set(_SPLITS) == set(SPLITS)
    assert apart([range(c.layout_seed, c.layout_seed + c.layouts) for c in _SPLITS.values()])
