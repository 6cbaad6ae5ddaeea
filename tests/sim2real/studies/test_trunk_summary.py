"""What is said about shared trunks, for figures made up in either direction."""

from collections.abc import Mapping

import pytest

from sim2real.statistics.agreement import Estimate
from sim2real.studies.networks import TASKS
from sim2real.studies.trunk_grid import Arms, Network, chosen_rates, final_key, trial_key
from sim2real.studies.trunk_summary import HELPS, helps, hurts, percent, summarize

BETTER, WORSE, OPEN = Estimate(-0.2, -0.3, -0.1), Estimate(0.2, 0.1, 0.3), Estimate(0.01, -0.1, 0.1)
RATES, SEEDS, LAYOUTS = (1e-3, 3e-3), (0, 1), 12


def changes(small: Estimate, large: Estimate) -> dict[int, dict[str, Estimate]]:
    """Of steering at width 6 and 24; nothing is shown for the other tasks."""
    others = dict.fromkeys(TASKS, OPEN)
    return {6: others | {"steering": small}, 24: others | {"steering": large}}


@pytest.mark.parametrize(
    ("small", "large", "holds"),
    [(BETTER, OPEN, True), (BETTER, WORSE, None), (WORSE, OPEN, False), (OPEN, OPEN, None)],
)
def test_where_sharing_helps(small: Estimate, large: Estimate, holds: bool | None):
    verdict = helps(HELPS, {"equal width": changes(small, large), "equal operations": changes(OPEN, BETTER)})
    assert verdict.holds is holds
    at_width, at_operations = verdict.figures.split("At equal operations")
    assert ("helps steering at width 6 (-20 % [-30, -10])" in at_width) == (small is BETTER)
    assert ("hurts steering at width 24 (+20 % [+10, +30])" in at_width) == (large is WORSE)
    assert "it helps steering at width 24" in at_operations and "hurts nowhere" in at_operations
    assert "neither is shown in 7 of 8 cases" in at_operations
    words = {True: "holds here", False: "does not hold here", None: "is not decided here"}[holds]
    assert f"” {words}. " in str(verdict)


@pytest.mark.parametrize(
    ("small", "large", "holds", "said"),
    [
        (WORSE, OPEN, None, "It hurts steering at width 6 (+20 % [+10, +30]); at larger widths, that it hurts nothing"),
        (WORSE, WORSE, False, "It hurts in larger networks, too: steering at width 24"),
        (BETTER, WORSE, False, "It hurts in larger networks, too: steering at width 24"),
        (BETTER, BETTER, None, "At width 6 it helps steering at width 6"),
        (OPEN, OPEN, None, "neither is shown in 4 of 4 cases"),
    ],
)
def test_whether_it_hurts_only_when_the_network_is_small(
    small: Estimate, large: Estimate, holds: bool | None, said: str
):
    verdict = hurts(changes(small, large))
    assert verdict.holds is holds and said in verdict.figures


def test_it_holds_where_larger_networks_are_shown_to_be_unharmed():
    verdict = hurts({6: dict.fromkeys(TASKS, WORSE), 24: dict.fromkeys(TASKS, BETTER)})
    assert verdict.holds is True and "at larger widths, it hurts nothing by more than 5 %" in verdict.figures


def test_where_even_the_smallest_network_gains_the_claim_does_not_hold():
    verdict = hurts({6: dict.fromkeys(TASKS, BETTER), 24: dict.fromkeys(TASKS, OPEN)})
    assert verdict.holds is False and "hurts no task at the smallest width, 6, either" in verdict.figures


def test_one_width_says_nothing_about_larger_ones():
    verdict = hurts({6: dict.fromkeys(TASKS, WORSE)})
    assert verdict.holds is None and "There is one width only" in verdict.figures


def test_a_change_without_an_interval_shows_nothing():
    alone = Estimate(-0.9, None, None)
    assert percent(alone) == "-90 %" and helps(HELPS, {"equal width": changes(alone, alone)}).holds is None


ARMS: dict[int, Arms] = {
    width: {
        "separate": tuple(Network((task,), width) for task in TASKS),
        "shared": (Network(tuple(TASKS), width),),
        "mixed": (Network(tuple(TASKS), width, mixed=True),),
        "narrow": tuple(Network((task,), width // 2) for task in TASKS),
    }
    for width in (4, 24)
}


def made_up(factors: Mapping[str, float]) -> dict[str, dict]:
    """Results of all networks: layouts err by 0.1, 0.2, ..., times a factor of the network by its name."""
    results = {}
    for network in {n.name: n for arms in ARMS.values() for arm in arms.values() for n in arm}.values():
        factor = factors.get(network.name, 1.0)
        sums = {task: [factor * (k + 1) for k in range(LAYOUTS)] for task in network.tasks}
        figures = {"frames": [10] * LAYOUTS, "errors": sums}
        for rate in RATES:
            worse = {task: [each * (2 if rate == RATES[0] else 1) for each in own] for task, own in sums.items()}
            results[trial_key(network, rate)] = {**figures, "errors": worse}
        driven = {"success": [1, factor <= 1], "offset": [0.2 * factor, 0.3 * factor]}
        for seed in SEEDS:
            results[final_key(network, seed)] = {**figures, "driven": driven} if "steering" in sums else figures
    return results


@pytest.mark.parametrize(("factor", "helping"), [(0.8, True), (1.25, False)])
def test_results_become_figures_and_verdicts(factor: float, helping: bool):
    operations = {width: {arm: 10 * width for arm in arms} for width, arms in ARMS.items()}
    shared = {f"shared-w{width}": factor for width in ARMS} | {f"mixed-w{width}": 2 - factor for width in ARMS}
    summary = summarize(ARMS, operations, RATES, SEEDS, made_up(shared))
    assert [verdict.holds for verdict in summary.verdicts] == [helping, not helping, False]
    arms = summary.figures["arms"]["24"]
    assert arms["shared"]["change"]["mask"]["value"] == pytest.approx(factor - 1)
    assert arms["mixed"]["change"]["mask"]["value"] == pytest.approx(1 - factor)
    assert arms["separate"]["error"]["mask"]["value"] == pytest.approx(0.65)
    driven = summary.figures["driven"]["4"]["shared"]
    assert driven["success"]["count"] == 4 and driven["success"]["value"] == (1.0 if factor < 1 else 0.5)
    assert driven["success_difference"]["lost"] == (0 if factor < 1 else 2)
    assert driven["offset_change"]["value"] == pytest.approx(factor - 1)
    search = summary.figures["search"]["mask-w4"]
    assert search["chosen"] == RATES[1] and search["tried"]["0.001"] == pytest.approx(1.3) and search["at_edge"]


def test_a_rate_at_which_training_diverged_is_not_chosen():
    network = Network(("mask",), 4)
    results = made_up({})
    results[trial_key(network, RATES[1])] = {"frames": [10], "errors": {"mask": [None]}}
    assert chosen_rates([network], RATES, results) == {"mask-w4": RATES[0]}
