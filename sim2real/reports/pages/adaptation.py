"""The report page of an adaptation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sim2real.evaluation.offline import typical_rows, worst_rows
from sim2real.recordings.frames import Frames
from sim2real.reports.candidates import LAPS_NOTE, SPREAD_HEADER, candidate_table, criterion_spread, laps_table
from sim2real.reports.lines import interval_note
from sim2real.reports.page import METRIC_NOTE, Report
from sim2real.reports.pages.probe import camera_section, look_line, shift_section
from sim2real.reports.plots.actions import actions_scatter
from sim2real.reports.plots.charts import curve_plot, intervals_plot
from sim2real.statistics.agreement import METRIC_NAMES, Agreement, gain_free
from sim2real.transfer.adapt import Adaptation
from sim2real.transfer.adapt_config import UNLABELLED
from sim2real.transfer.candidates import RECORDINGS_ONLY
from sim2real.transfer.gate import Decision, unjudged
from sim2real.transfer.outcome import Outcome

SHOWN = 8  # number of pictures in a row
APART = 20  # minimum distance in frames between pictures of one episode


def write_report(path: Path, adaptation: Adaptation, command: str) -> None:
    """Write the page of an adaptation.

    Args:
        command: the command line that made it.
    """
    config, outcome, test = adaptation.config, adaptation.outcome, adaptation.inputs.test
    frames = outcome.comparisons[-1].frames
    report = Report(f"Adaptation to {Path(config.dataset).name}", f"plan {outcome.plan}, {frames} frames")
    verdict = "was promoted" if outcome.promoted else "was not promoted"
    decided = f"The plan {outcome.plan} {verdict}: {outcome.reason}."
    report.text(f"{decided} The output is the candidate {outcome.output}.", lead=True)
    if outcome.refit_note:
        report.text(outcome.refit_note)
    if adaptation.choice:
        report.text(f"The plan was chosen automatically: {adaptation.choice.reason}.")
    if test is not None and outcome.agreement is not None and outcome.decision is not None:
        _figures(report, outcome, outcome.agreement)
        _differences(report, outcome, outcome.decision, outcome.agreement)
        _curve(report, outcome, outcome.agreement.criterion)
        _by_action(report, outcome, outcome.agreement.criterion)
        _pictures(report, outcome, test)
    _laps(report, outcome, config.track is not None and config.drive_on in (None, config.track))
    if adaptation.shift is not None:
        shift_section(report, adaptation.shift)
    simulated = adaptation.inputs.material.simulated
    if simulated is not None and test is not None:
        camera_section(report, simulated, test, outcome.policy)
        if line := look_line(outcome.look):
            report.text(f"Camera alignment, fitted to the recorded actions: {line}, in px of the network's image.")
    judged = "nothing" if test is None else config.test or "held-out episodes of the same"
    settings = {"seeds of every fit": config.seeds, "actions averaged over": f"± {outcome.smoothing:g} s"}
    settings |= {"rebuilt track learned from": config.track} if config.track else {}
    labelled = ", labelled with pursuit to the track's line" if config.self_labels else ""
    settings |= {"learned from": f"{config.dataset}{labelled}", "judged on": judged}
    if config.unlabelled is not None:
        settings["aligned with, without actions"] = config.unlabelled
    report.provenance(command, 0, **settings).write(path)


def _figures(report: Report, outcome: Outcome, agreement: Agreement) -> None:
    report.heading("The candidates")
    if RECORDINGS_ONLY in outcome.candidates:
        report.text(
            f"Plans also learned from frames of a rebuilt track. Its map shows all episodes that it was made of: where "
            f"these are tested on, offline errors favour such plans over zero-shot, gain and {RECORDINGS_ONLY}."
        )
    report.text(
        "Zero-shot is the policy from simulation; gain is the same policy with a fitted scale and offset; scratch is "
        "the same network, trained on what the plan learns from, without pretraining. They are the controls that a "
        "plan is compared with."
    )
    if UNLABELLED in outcome.estimates:
        report.text("Unlabelled is zero-shot whose low norms were aligned with recorded frames without their actions.")
    names, metric = list(outcome.estimates), agreement.criterion
    note = f"{interval_note(agreement.units)} {METRIC_NOTE}"
    report.table(*candidate_table(outcome.estimates), note, {names.index(outcome.output)})
    rows = [[name, outcome.candidates[name].weights, *criterion_spread(outcome, name)] for name in names]
    header = ["candidate", "weights that were judged", *SPREAD_HEADER]
    report.table(header, rows, f"{METRIC_NAMES[metric]} of each seed alone.")
    report.text(f"Always predicting 0 would have an MAE of {outcome.rest:.3f}.")
    best = {name: figures[metric] for name, figures in outcome.estimates.items()}
    report.figure(intervals_plot(best, metric, unjudged(metric)), f"{METRIC_NAMES[metric]}; smaller is better.")


def _differences(report: Report, outcome: Outcome, decision: Decision, agreement: Agreement) -> None:
    metric, first = agreement.criterion, f"{outcome.plan} minus"
    note = f"Paired over {agreement.units}; below 0: the plan is better."
    report.table([first, METRIC_NAMES[metric]], [[name, d] for name, d in decision.against.items()], note)
    if not gain_free(metric):
        note = "The error after the best gain of each candidate: smaller motions alone do not reduce it."
        rows = [[name, d] for name, d in decision.seeing.items()]
        report.table([first, METRIC_NAMES[f"gain_free_{metric}"]], rows, note)


def _laps(report: Report, outcome: Outcome, learned: bool) -> None:
    """Add the laps on a rebuilt track, if candidates drove on one.

    Args:
        learned: whether plans learned from frames of that track.
    """
    if outcome.driven is None or (table := laps_table(outcome)) is None:
        return
    report.heading(f"Laps on {outcome.driven.track}")
    beside = "frames from beside the line of this track"
    seen = f"Plans learned from {beside}" if learned else f"Nothing was learned from {beside}"
    if RECORDINGS_ONLY in outcome.driven.laps:
        seen += f"; {RECORDINGS_ONLY} is the plan without any from beside the line"
    row = list(outcome.driven.laps).index(outcome.output)
    report.table(*table, f"{LAPS_NOTE} {seen}.", {row})


def _curve(report: Report, outcome: Outcome, metric: str) -> None:
    if len(outcome.comparisons) < 2:
        return
    report.heading("Error against the number of frames")
    curves = {name: {c.frames: c.estimates[name][metric] for c in outcome.comparisons} for name in outcome.estimates}
    note = "Every candidate learned from the same frames; the mean over the seeds."
    report.figure(curve_plot(curves, metric), note)


def _by_action(report: Report, outcome: Outcome, criterion: str) -> None:
    """Add the candidates' metrics per action, if several actions are tested together."""
    if not outcome.each:
        return
    report.heading("Action by action")
    for metric in ("correlation", criterion):
        names = list(next(iter(outcome.each.values())))
        rows = [[action, *(figures[name][metric] for name in names)] for action, figures in outcome.each.items()]
        report.table([METRIC_NAMES[metric], *names], rows, "")


def _pictures(report: Report, outcome: Outcome, test: Frames) -> None:
    predicted, actual, names = outcome.predictions[outcome.output][0], test.done, outcome.judged
    report.heading(f"The output, candidate {outcome.output}")
    report.figure(actions_scatter(actual, predicted, names), "Recorded actions against the policy's predictions.")
    error = np.abs(predicted - actual).mean(1)
    worst, typical = (pick(error, test.episode, test.row, SHOWN, APART) for pick in (worst_rows, typical_rows))
    for rows, caption in ((worst, "Worst frames"), (typical, "Typical frames")):
        which = "" if len(names) == 1 else " The caption names the action with the largest error."
        report.text(f"{caption}: recorded and predicted actions.{which}")
        report.pictures((test.images[k], _caption(actual[k], predicted[k], names)) for k in rows)


def _caption(actual: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> str:
    j = int(np.argmax(np.nan_to_num(np.abs(predicted - actual))))
    name = "" if len(names) == 1 else f"{names[j]} "
    return f"{name}{actual[j]:+.2f}, policy {predicted[j]:+.2f}"
