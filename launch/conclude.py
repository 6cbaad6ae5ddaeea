"""What `sim2real evaluate` prints and keeps of the episodes of one policy or two."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch.console import print_rates, print_table, say
from policies import Policy
from sim2real.evaluation.simulation import Episodes, paired_difference
from sim2real.runs import Run
from sim2real.statistics.rates import RateDifference
from sim2real.statistics.settling import settle

if TYPE_CHECKING:
    from launch.evaluate import EvaluateConfig

WHERE = {"sim": "unseen simulated worlds", "rehearsal": "the rehearsal robot", "robot": "the robot"}


def conclude(
    run: Run,
    config: "EvaluateConfig",
    policies: Sequence[Policy],
    folders: Sequence[Path],
    found: Sequence[Episodes],
    finished: bool = True,
) -> None:
    """Print what was found of one policy or two, and write it to the run's `metrics.json`."""
    more = {"sim": f" ({config.randomization})", "robot": f": {config.hardware.robot}"}
    where = WHERE[config.on] + more.get(config.on, "")
    metrics: dict[str, Any] = {**found[0].summary(), "episodes": found[0].rows()}
    if config.against is None:
        print_rates(f"{policies[0].config.task}: {folders[0]} on {where}", metrics)
        print_aborted(found[0])
    else:
        metrics["against"] = {**found[1].summary(), "episodes": found[1].rows()}
        print_policies(f"{policies[0].config.task} on {where}, the same {len(found[0].seeds)} episodes", folders, found)
        difference = paired_difference(found[0], found[1])
        if difference is not None:
            plan = settle(difference)
            metrics |= {"difference": difference.to_dict(), "settling": plan.to_dict()}
            _print_difference(difference)
            say(f"to settle it: {plan.text}")
    run.write_metrics({"finished": finished, "on": config.on, "robot": config.hardware.robot, **metrics})


def print_policies(title: str, folders: Sequence[Path], found: Sequence[Episodes]) -> None:
    """A row per checkpoint."""
    rows: list[list[Any]] = []
    for folder, episodes in zip(folders, found, strict=True):
        rate, succeeded, n = episodes.summary()["success"], int(episodes.success.sum()), int(episodes.completed.sum())
        shown = "–" if rate is None else f"{100 * rate['value']:.1f} %"
        interval = "–" if rate is None else f"{100 * rate['low']:.1f} … {100 * rate['high']:.1f} %"
        rows.append([str(folder), shown, interval, f"{succeeded} of {n}"])
    print_table(("checkpoint", "success", "95 % interval", "episodes"), rows, title=title)
    for folder, episodes in zip(folders, found, strict=True):
        print_aborted(episodes, f"{folder}: ")


def print_aborted(episodes: Episodes, whose: str = "") -> None:
    """How many episodes were aborted, if any was, and how they count."""
    count = int((~episodes.completed).sum())
    if count:
        text = "they say nothing about the policy and are left out of its success"
        say(f"{whose}{count} of {len(episodes.seeds)} episodes aborted: {text}")


def _print_difference(difference: RateDifference) -> None:
    low, high = 100 * difference.low, 100 * difference.high
    say(f"difference, second less first: {100 * difference.value:+.1f} points, 95 % interval {low:+.1f} … {high:+.1f}")
    say(f"episodes that only the second succeeded in: {difference.won}, only the first: {difference.lost}")
    say(f"exact McNemar test: p = {difference.p_value:.2g}")
