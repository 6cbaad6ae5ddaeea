"""`sim2real ladder`: what adaptation mends when the simulated camera was wrong."""

from pathlib import Path
from typing import Annotated, Any

import tyro

from launch.console import print_table, reporting, resumable, resume_command, say, typed_command
from launch.transfer import check_apart
from sim2real.reports.lines import interval_note
from sim2real.reports.page import METRIC_NOTE, Report
from sim2real.reports.plots.charts import curve_plot
from sim2real.runs import start_run
from sim2real.statistics.agreement import METRIC_NAMES
from sim2real.transfer.ladder import Behind, LadderConfig, Rung, climb, summary

HEADER = ["camera in simulation", "frames", "arm", "correlation", "MAE", "gain-free error", ""]


def command(
    config: Annotated[LadderConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
    resume: Annotated[bool, tyro.conf.arg(help="go on with an interrupted run")] = False,
) -> None:
    """Pretrain with a matched and with ever worse cameras, adapt each by every plan, and put all in one table.

    The plan that `auto` takes is compared with the best one, which is chosen on one half of the test recordings; the
    two are compared on the other half.

    Example: sim2real ladder datasets/track_1 datasets/track_2 --out runs/ladder
    """
    check_apart(config.dataset, config.test)
    config.check()
    run, config = start_run("ladder", config, out, resume)
    with resumable(resume_command(run.folder)), reporting() as stage:
        rungs = climb(config, run.folder, stage)
    smoothing = rungs[0].adapted.smoothing
    run.write_metrics({"finished": True, "smoothing": smoothing, "rungs": summary(rungs)})
    rows = [row for rung in rungs for row in _rows(rung)]
    print_table(HEADER, rows)
    say(f"People's actions averaged over ± {smoothing:g} s. {_note(rungs)}")
    _write(run.folder / "report.html", config, rungs, rows)
    say(f"report: {run.folder / 'report.html'}")


def _rows(rung: Rung) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for comparison in rung.adapted.comparisons:
        n = comparison.frames
        for arm, each in comparison.estimates.items():
            mark = f"auto ({_beside(rung.behind[n])})" if arm == rung.chosen[n] else ""
            rows.append([rung.name, str(n), arm, *(each[m] for m in each if m != "rmse"), mark])
    return rows


def _beside(behind: Behind) -> str:
    """What `auto` took, beside the best plan."""
    difference = behind.difference
    if difference is None or difference.low is None or difference.high is None:
        return "too few units to compare"
    clear = "worse than" if difference.low > 0 else "better than" if difference.high < 0 else "not shown to differ from"
    return f"{clear} {behind.best}"


def _note(rungs: list[Rung]) -> str:
    """What the intervals are, and which test frames were used for what."""
    agreement, behind = rungs[0].adapted.agreement, next(iter(rungs[0].behind.values()))
    assert agreement is not None
    text = f"{interval_note(agreement.units)} The plan of `auto` was chosen on frames that are learned from."
    if behind.difference is None:
        return f"{text} Nothing says how far it is from the best: the test recordings cannot be divided."
    best = f"The plan that it is compared with was the best on {behind.chosen_on}"
    return f"{text} {best}; the two were compared on {behind.compared_on} that had no part in this."


def _write(path: Path, config: LadderConfig, rungs: list[Rung], rows: list[list[Any]]) -> None:
    report = Report(
        "The sensor ladder", f"learned from {Path(config.dataset).name}, judged on {Path(config.test).name}"
    )
    report.text(
        "A policy was pretrained in simulation with a camera like the real one, and with ever worse ones; each was "
        "then adapted by several plans on a few recorded frames. Zero-shot, gain and scratch are the controls."
    )
    report.table(HEADER, rows, f"{_note(rungs)} {METRIC_NOTE}")
    for rung in rungs:
        report.heading(rung.name)
        comparisons = rung.adapted.comparisons
        assert rung.adapted.agreement is not None
        metric = rung.adapted.agreement.criterion
        curves = {arm: {c.frames: c.estimates[arm][metric] for c in comparisons} for arm in comparisons[0].estimates}
        report.figure(curve_plot(curves, metric), f"{METRIC_NAMES[metric]} against frames; smaller is better.")
    smoothing = f"± {rungs[0].adapted.smoothing:g} s"
    report.provenance(typed_command(), 0, seeds=config.seeds, smoothing=smoothing).write(path)
