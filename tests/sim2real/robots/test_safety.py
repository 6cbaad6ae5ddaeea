"""Limits of commands: whatever is wanted, what is sent is in range and near what was sent before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real.robots.safety import Limits, UnsafeCommandError

LIMITS = Limits(np.array([-1.0, 0.0]), np.array([1.0, 2.0]), np.array([0.1, 0.5]))
ANY = st.floats(-10, 10)


@given(st.tuples(ANY, ANY), st.tuples(st.floats(-1, 1), st.floats(0, 2)))
def test_what_is_sent_is_in_range_and_near(command: tuple[float, float], previous: tuple[float, float]):
    safe, limited = LIMITS.apply(np.array(command), np.array(previous))
    assert (safe >= LIMITS.lower).all() and (safe <= LIMITS.upper).all()
    assert (np.abs(safe - previous) <= LIMITS.step + 1e-12).all()
    assert limited == (np.abs(safe - command).max() > 1e-9)
    again, changed = LIMITS.apply(safe, np.array(previous))
    np.testing.assert_array_equal(again, safe)
    assert not changed


@given(ANY, st.floats(1.0, 10.0))
def test_a_robot_outside_its_range_comes_back_step_by_step_and_never_goes_further(command: float, previous: float):
    safe, _ = LIMITS.apply(np.array([command, 1.0]), np.array([previous, 1.0]))
    assert previous - 0.1 - 1e-12 <= safe[0] <= previous


@given(st.tuples(ANY, ANY), st.tuples(st.floats(-1, 1), st.floats(0, 2)), st.tuples(st.floats(-1, 1), st.floats(0, 2)))
def test_a_target_does_not_run_away_from_its_joint(
    command: tuple[float, float], previous: tuple[float, float], measured: tuple[float, float]
):
    near = Limits(LIMITS.lower, LIMITS.upper, LIMITS.step, np.array([0.3, 0.6]))
    assert near.reach is not None
    sent, joint = np.array(previous), np.array(measured)
    for _ in range(40):
        sent, _ = near.apply(np.array(command), sent, joint)
        assert (np.abs(sent - np.array(previous)) <= 40 * LIMITS.step).all()
    assert (np.abs(sent - joint) <= near.reach + 1e-9).all()


@pytest.mark.parametrize("bad", [[np.nan, 0.0], [0.0, np.inf], [0.0], [[0.0, 0.0]]])
def test_what_is_no_command_is_refused(bad: list):
    with pytest.raises(UnsafeCommandError):
        LIMITS.apply(np.array(bad), np.zeros(2))


@pytest.mark.parametrize(
    ("lower", "upper", "step"), [([0], [1, 2], [1]), ([0], [0], [1]), ([0], [1], [0]), ([np.nan], [1], [1])]
)
def test_limits_that_cannot_be(lower: list, upper: list, step: list):
    with pytest.raises(ValueError, match="limits need"):
        Limits(np.array(lower), np.array(upper), np.array(step))
