"""Actions to joint targets and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.arms.control import MODES, WINDUP, JointControl

LOWER, UPPER = np.array([-1.9, -0.2]), np.array([1.9, 1.7])
numbers = st.floats(-1, 1)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=20), st.sampled_from(MODES))
def test_actions_come_back_from_the_targets_that_they_make(actions, mode):
    control = JointControl(LOWER, UPPER, mode)
    target = np.array([0.1, 0.8])
    for action in np.array(actions):
        after = control.target(action, target, target)  # a joint that follows at once
        again = control.target(control.action(after, target), target, target)
        np.testing.assert_allclose(again, after, atol=1e-9)
        inside = (after > LOWER) & (after < UPPER)
        np.testing.assert_allclose(control.action(after, target)[inside], action[inside], atol=1e-9)
        target = after


@given(numbers, numbers, st.floats(-3, 3), st.floats(-3, 3))
def test_targets_stay_in_range_and_near_the_joint(a, b, position, previous):
    control = JointControl(LOWER, UPPER)
    position = np.clip([position, position], LOWER, UPPER)
    target = control.target(np.array([a, b]), np.array([previous, previous]), position)
    assert np.all((target >= LOWER) & (target <= UPPER))
    assert np.all(np.abs(target - position) <= WINDUP + 1e-12)


def test_the_state_tells_where_the_joint_is_and_how_far_the_target_is_ahead():
    state = JointControl(LOWER, UPPER).state(np.array([0.5, 0.5]), np.array([0.6, 0.3]))
    np.testing.assert_allclose(state, [0.5, -0.25, 0.5, -1.0])


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="valid: delta, absolute"):
        JointControl(LOWER, UPPER, "relative")
