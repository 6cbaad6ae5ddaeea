"""Figures of a transfer matrix: regret, blindness, and the frames that scratch needs."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from sim2real.statistics.agreement import Estimate
from sim2real.transfer.matrix import Cell, Matrix
from sim2real.transfer.matrix_config import MatrixConfig


def cell(frames: int, chosen: str = "plan", **errors: float) -> Cell:
    correlation = dict.fromkeys(errors, Estimate(0.8, 0.7, 0.9))
    figures = {name: Estimate(value, None, None) for name, value in errors.items()}
    return Cell("p", "r", frames, "gain_free_mae", figures, correlation, chosen, chosen, "6 sessions")


def matrix(*cells: Cell) -> Matrix:
    return Matrix(Path(), MatrixConfig((Path("p"),), ("r",)), cells, {})


def test_regret_is_relative_to_the_best_in_hindsight():
    each = cell(100, plan=0.12, scratch=0.10, gain=0.2)
    assert each.best == "scratch" and each.regret == pytest.approx(0.2)
    assert replace(each, chosen="scratch").regret == 0
    assert replace(each, output="gain").output_regret == pytest.approx(1) and each.output_regret == each.regret


def test_blind_is_a_correlation_that_may_be_zero_beside_one_that_sees():
    sees, blind, vague = Estimate(0.8, 0.7, 0.9), Estimate(0.0, -0.1, 0.1), Estimate(0.4, 0.2, 0.6)
    each = replace(cell(100, plan=0.1, scratch=0.1), correlation={"plan": blind, "scratch": sees})
    assert each.blind and not replace(each, chosen="scratch").blind
    assert not replace(each, correlation={"plan": blind, "scratch": vague}).blind
    nothing = Estimate(float("nan"), None, None)
    assert replace(each, correlation={"plan": nothing, "scratch": sees}).blind


def test_frames_of_scratch_are_interpolated_between_those_that_were_tried():
    few, more = cell(100, plan=0.15, scratch=0.2), cell(1000, plan=0.09, scratch=0.1)
    both = matrix(few, more)
    assert both.frames_of_scratch(few) == pytest.approx(math.sqrt(100 * 1000))
    assert both.frames_of_scratch(more) == math.inf
    assert matrix(cell(100, plan=0.3, scratch=0.2)).frames_of_scratch(cell(100, plan=0.3, scratch=0.2)) is None


def test_a_quick_matrix_takes_the_largest_number_of_frames_and_few_steps():
    asked = MatrixConfig((Path("p"),), ("r",), frames="300,100", quick=True)
    assert asked.sizes == (300,) and replace(asked, quick=False).sizes == (100, 300)
    assert replace(asked, frames="100,all").sizes == (None,)
    updates = {
        steps: replace(asked, updates=steps).adaptation(Path("p"), "r").overrides.updates for steps in (None, 50, 900)
    }
    assert updates == {None: 200, 50: 50, 900: 200}
    assert replace(asked, quick=False).adaptation(Path("p"), "r").overrides.updates is None
    cell = asked.adaptation(Path("p"), "learn,judge", 300)
    assert (str(cell.checkpoint), cell.dataset, cell.plan, cell.test, cell.frames) == (
        "p",
        "learn",
        "auto",
        "judge",
        300,
    )
