"""`sim2real evaluate A B C ... --on both`: whether simulation tells which policies do well on the rehearsal robot."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch.conclude import WHERE, print_aborted
from launch.console import print_table, reporting, say, typed_command
from launch.evaluate import drive
from policies import Policy
from sim2real.evaluation.simulation import Episodes
from sim2real.reports.page import Report
from sim2real.reports.plots.correlation import correlation_plot
from sim2real.runs import start_run
from sim2real.statistics.correlation import Coefficient, Correlation
from sim2real.statistics.rates import Rate

if TYPE_CHECKING:
    from launch.evaluate import EvaluateConfig

SIDES = ("sim", "rehearsal")
EPISODES_NOTE = (
    "Interval over episodes: for these very checkpoints, were they to meet other episodes (bootstrap). Over"
    " checkpoints: for other checkpoints of the same kind (Fisher's transformation); it takes more than three to say"
    " anything."
)
VIOLATION_NOTE = (
    "Mean maximum rank violation (Li et al. 2024): how much success is lost at worst, on the rehearsal robot, by"
    " trusting simulation to tell which of two checkpoints is better; mean over checkpoints. 0 is best."
)


def correlate(
    config: "EvaluateConfig", policies: Sequence[Policy], folders: Sequence[Path], out: Path | None
) -> Correlation:
    """Evaluate every checkpoint on both sides, print and draw how the rates go together."""
    # Both before anything is written: what one side refuses should not be told after the other side was driven.
    there = {"sim": replace(config, on="sim", against=None, more=())}
    there["rehearsal"] = replace(there["sim"], on="rehearsal", randomization="default")
    run, config = start_run("evaluate", config, out, resume=False)
    found: dict[str, list[Episodes]] = {}
    with reporting() as stage:
        for side in SIDES:
            report = stage(side)
            found[side] = drive(there[side], policies, folders, report)
    sim, rehearsal = ([episodes.success[episodes.completed] for episodes in found[side]] for side in SIDES)
    result = Correlation.of(sim, rehearsal)
    rates = [[Rate.of(int(s.sum()), len(s)) for s in side] for side in (sim, rehearsal)]
    names, task = short_names(config.checkpoints), policies[0].config.task
    header = ("checkpoint", "in simulation", "on the rehearsal robot")
    rows = list(zip(names, *rates, strict=True))
    title = f"{task}: {len(policies)} checkpoints, {config.episodes} episodes each in {WHERE['sim']} and on"
    print_table(header, rows, title=f"{title} {WHERE['rehearsal']}")
    for side in SIDES:
        for name, episodes in zip(names, found[side], strict=True):
            print_aborted(episodes, f"{name}, {side}: ")
    print_table(COEFFICIENTS, coefficient_rows(result))
    points = f"{100 * result.rank_violation:.1f} points"
    say(f"mean maximum rank violation: {points} of success")
    figure = correlation_plot(dict(zip(names, zip(*rates, strict=True), strict=True)), *header[1:])
    figure.savefig(run.folder / "correlation.png", dpi=120)
    page = Report(f"{task}: simulation and the rehearsal robot", "How well one tells the other, over checkpoints")
    page.text(f"Pearson {result.pearson}, Spearman {result.spearman}, mean maximum rank violation {points}.", lead=True)
    page.figure(figure, f"Success of each checkpoint, {config.episodes} episodes a side; bars: 95 % Wilson intervals.")
    page.table(header, rows).table(COEFFICIENTS, coefficient_rows(result), note=EPISODES_NOTE).text(VIOLATION_NOTE)
    page.text("The rehearsal robot is a simulated stand-in with a look, a sensor and dynamics of its own.")
    page.provenance(typed_command(), config.seed, checkpoints=", ".join(map(str, folders)))
    page.write(run.folder / "report.html")
    entries = [_entry(folders, found, k) for k in range(len(folders))]
    run.write_metrics({"finished": True, "on": config.on, "correlation": result.to_dict(), "checkpoints": entries})
    say(f"report: {run.folder / 'report.html'}\nrun: {run.folder}")
    return result


def _entry(folders: Sequence[Path], found: dict[str, list[Episodes]], k: int) -> dict[str, Any]:
    sides = {side: {**found[side][k].summary(), "episodes": found[side][k].rows()} for side in SIDES}
    return {"checkpoint": str(folders[k]), **sides}


COEFFICIENTS = ("correlation", "value", "95 % over episodes", "95 % over checkpoints")


def coefficient_rows(result: Correlation) -> list[list[str]]:
    """A row per coefficient."""
    return [[name, str(c), *_intervals(c)] for name, c in (("Pearson", result.pearson), ("Spearman", result.spearman))]


def _intervals(coefficient: Coefficient) -> list[str]:
    pairs = (coefficient.over_episodes, coefficient.over_checkpoints)
    return ["–" if math.isnan(low) else f"{low:.2f} … {high:.2f}" for low, high in pairs]


def short_names(paths: Sequence[Path]) -> list[str]:
    """The checkpoints' own folder names, or as much of the path as tells them apart."""
    parts = [path.resolve().parts for path in paths]
    names = ["/".join(part) for part in parts]
    for k in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-k:]) for part in parts]
        if len(set(names)) == len(set(parts)):
            break
    return names
