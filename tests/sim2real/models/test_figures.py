"""Shipped policies still do what their figures say."""

import dataclasses
import shlex
from pathlib import Path

import pytest
import torch
import tyro
from scipy.stats import binom

from sim2real.evaluation.config import EvaluateConfig
from sim2real.evaluation.evaluate import evaluate
from sim2real.evaluation.results import Evaluation
from sim2real.models.registry import Figure, read_registry

torch.set_num_threads(1)
EPISODES = 20
FALSE_ALARM = 1e-3
IN_SIMULATION = [
    (name, figure)
    for name, model in read_registry().items()
    for figure in model.figures
    if figure.rate and " --on " not in figure.command
]


def fewest(figure: Figure) -> int:
    """Return the fewest successes of EPISODES that a policy at the lower end of the figure's interval may have.

    A one-sided exact binomial test at FALSE_ALARM. The episodes are the first of those that the figure counts: on the
    machine that measured it they end as they did there, elsewhere rounding may decide single ones otherwise, so that
    independent episodes are the worst case.
    """
    return int(binom.ppf(FALSE_ALARM, EPISODES, figure.low))


def test_every_shipped_policy_has_a_figure_in_simulation():
    assert {name for name, _ in IN_SIMULATION} == set(read_registry())


@pytest.mark.parametrize(("low", "least"), [(0.93, 14), (0.81, 10), (0.5, 3)])
def test_a_broken_policy_would_fail(low: float, least: int):
    figure = Figure("success", "", "", low, low, 1.0, 100)
    assert fewest(figure) == least and binom.cdf(least - 1, EPISODES, low) < FALSE_ALARM


@pytest.mark.slow
@pytest.mark.parametrize(("name", "figure"), IN_SIMULATION, ids=[name for name, _ in IN_SIMULATION])
def test_a_shipped_policy_does_what_its_figure_says(name: str, figure: Figure, tmp_path: Path):
    words = shlex.split(figure.command)[2:]
    config = tyro.cli(EvaluateConfig, args=words, config=(tyro.conf.PositionalRequiredArgs,))
    result = evaluate(dataclasses.replace(config, episodes=EPISODES), tmp_path / "run")
    assert isinstance(result, Evaluation)
    assert result.episodes[0].success.sum() >= fewest(figure), f"{name}: {result.metrics['success']}, stated: {figure}"
