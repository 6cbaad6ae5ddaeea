"""Postures that run into the arm itself or the table, told by the hulls of its links."""

import numpy as np
import pytest

from envs.arms.clearance import DEEP, Clearance
from envs.arms.so101 import SO101
from recordings import genuine
from sim2real.datasets import EpisodeDataset
from sim2real.robots import find_robot


@pytest.fixture(scope="module")
def clearance() -> Clearance:
    return Clearance(SO101)


def test_an_arm_at_home_is_clear(clearance: Clearance):
    assert clearance.depth(np.array(SO101.home)) == (0.0, "")


def test_a_hand_does_not_go_through_the_table_but_may_leave_it(clearance: Clearance):
    home = np.array(SO101.home)
    down = home + np.array([0, 0.8, 0, 0, 0, 0])
    depth, what = clearance.depth(down)
    assert depth > DEEP and "table" in what
    assert "table would overlap by" in clearance.blocked(down, home)
    assert clearance.blocked(home, down) == ""
    deeper = down + np.array([0, 0.05, 0, 0, 0, 0])
    assert clearance.blocked(deeper, down) and not clearance.blocked(down, deeper)


def test_a_hand_does_not_go_through_the_shoulder(clearance: Clearance):
    folded = np.array([0, -1.745, 1.69, 1.658, 0, 0.3])
    assert "shoulder" in clearance.depth(folded)[1]


def test_what_an_arm_really_did_is_not_refused(clearance: Clearance):
    dataset = EpisodeDataset.open(genuine("so101/lift"))
    states = np.concatenate([episode["observation.state"] for episode in dataset])
    positions = find_robot("so101").units(states, "lift").to_radians(states)[::5]
    assert max(clearance.depth(each)[0] for each in positions) < DEEP
