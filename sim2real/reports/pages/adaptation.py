"""The page that an adaptation leaves."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from policies.alignment import Alignment
from sim2real.evaluation.offline import typical_rows, worst_rows
from sim2real.progress import Progress
from sim2real.recordings.frames import Frames
from sim2real.reports.films.video import enlarge, grid
from sim2real.reports.lines import interval_note
from sim2real.reports.page import METRIC_NOTE, Report
from sim2real.reports.plots.actions import actions_scatter
from sim2real.reports.plots.charts import bars_plot, curve_plot, intervals_plot
from sim2real.statistics.agreement import METRIC_NAMES, gain_free, metric_header
from sim2real.transfer.adapt_config import AdaptConfig
from sim2real.transfer.adapted import Adapted
from sim2real.transfer.batches import Simulated
from sim2real.transfer.choose import Choice
from sim2real.transfer.gate import unjudged
from sim2real.transfer.probe import Probe

SHOWN = 8  # pictures in a row
STRAIGHT = Alignment().found(1, 1)
APART = 20  # frames between pictures of one episode


def write_report(
    path: Path,
    config: AdaptConfig,
    result: Adapted,
    test: Frames | None,
    simulated: Simulated | None,
    found: Probe | None,
    choice: Choice | None,
    command: str,
) -> None:
    """Write `report.html`."""
    metrics, main = result.metrics(), result.comparisons[-1]
    report = Report(f"Adaptation to {Path(config.dataset).name}", f"plan {result.plan}, {main.frames} frames")
    verdict = "was promoted" if metrics["promoted"] else "was not promoted"
    report.text(
        f"The plan {result.plan} {verdict}: {metrics['reason']}. The output is the arm {metrics['output']}.", lead=True
    )
    if line := refit_line(result):
        report.text(line)
    if choice:
        report.text(f"The plan was chosen automatically: {choice.reason}.")
    if test is not None and result.agreement is not None and result.verdict is not None:
        report.heading("The arms")
        report.text(
            "Zero-shot is the policy as it came from simulation; gain is the same with one scale and offset fitted; "
            "scratch has the same network, trained on the recordings alone. An adaptation counts only beside these."
        )
        arms = list(result.estimates)
        metric = result.agreement.criterion
        rows = [[arm, *result.estimates[arm].values()] for arm in arms]
        header = ["arm", *metric_header(result.agreement.metrics)]
        report.table(
            header, rows, f"{interval_note(result.agreement.units)} {METRIC_NOTE}", {arms.index(metrics["output"])}
        )
        rows = [[arm, result.candidates[arm].weights, *spread(result, arm)] for arm in arms]
        report.table(["arm", "weights that were judged", *SPREAD], rows, f"{METRIC_NAMES[metric]} of each seed alone.")
        report.text(f"To do nothing always would have an MAE of {result.rest:.3f}.")
        best = {arm: each[metric] for arm, each in result.estimates.items()}
        report.figure(intervals_plot(best, metric, unjudged(metric)), f"{METRIC_NAMES[metric]}; smaller is better.")
        rows = [[arm, difference] for arm, difference in result.verdict.against.items()]
        report.table(
            [f"{result.plan} minus", METRIC_NAMES[metric]],
            rows,
            f"Paired over {result.agreement.units}; below 0: the plan is better.",
        )
        if not gain_free(metric):
            rows = [[arm, difference] for arm, difference in result.verdict.seeing.items()]
            note = "What is left when each has its best gain: smaller motions alone do not make it smaller."
            report.table([f"{result.plan} minus", METRIC_NAMES[f"gain_free_{metric}"]], rows, note)
        if len(result.comparisons) > 1:
            report.heading("Error against the number of frames")
            curves = {arm: {c.frames: c.estimates[arm][metric] for c in result.comparisons} for arm in arms}
            note = "Every arm learned from the same frames; the mean over the seeds."
            report.figure(curve_plot(curves, metric), note)
        _each(report, result)
        _pictures(report, result, test)
    if found is not None:
        _probe(report, found)
    if simulated is not None and test is not None:
        _cameras(report, simulated, test, result)
    judged = "nothing" if test is None else config.test or "held-out episodes of the same"
    settings = {"seeds of every fit": config.seeds, "actions averaged over": f"± {result.smoothing:g} s"}
    settings |= {"learned from": config.dataset, "judged on": judged}
    report.provenance(command, 0, **settings).write(path)


def _pictures(report: Progress, result: Adapted, test: Frames) -> None:
    output = result.metrics()["output"]
    predicted, actual = result.predictions[output][0], test.done
    names = result.judged
    report.heading(f"The output, arm {output}")
    figure = actions_scatter(actual, predicted, names)
    report.figure(figure, "What people did against what the policy would have done.")
    error = np.abs(predicted - actual).mean(1)
    worst, typical = (pick(error, test.episode, test.row, SHOWN, APART) for pick in (worst_rows, typical_rows))
    for rows, caption in ((worst, "Worst frames"), (typical, "Typical frames")):
        which = "" if len(names) == 1 else " The action named is the one that differs most."
        report.text(f"{caption}: what people did, and what the policy would have done.{which}")
        report.pictures((test.images[k], _caption(actual[k], predicted[k], names)) for k in rows)


SPREAD = ("smallest", "largest")


def spread(result: Adapted, arm: str) -> tuple[float, float]:
    """Smallest and largest value of the criterion over an arm's seeds."""
    assert result.agreement is not None
    values = result.by_seed[arm][result.agreement.criterion]
    return min(values), max(values)


def refit_line(result: Adapted) -> str:
    """What is to be known of an output that learned from the episodes that it was judged by; nothing of others."""
    if result.refitted is None:
        return ""
    again, judged = result.refitted, result.metrics()
    return (
        f"After the decision the output was fitted again to all {again.episodes} episodes ({again.frames} frames), "
        "those that it was judged by included. Figures are those of the weights before, which learned from "
        f"{judged['episodes']:g} episodes and are kept in judged/."
    )


def _caption(actual: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> str:
    j = int(np.argmax(np.nan_to_num(np.abs(predicted - actual))))
    name = "" if len(names) == 1 else f"{names[j]} "
    return f"{name}{actual[j]:+.2f}, policy {predicted[j]:+.2f}"


def _each(report: Progress, result: Adapted) -> None:
    """The arms action by action, where several are judged together."""
    if not result.each or result.agreement is None:
        return
    report.heading("Action by action")
    for metric in ("correlation", result.agreement.criterion):
        arms = list(next(iter(result.each.values())))
        rows = [[name, *(estimates[arm][metric] for arm in arms)] for name, estimates in result.each.items()]
        report.table([METRIC_NAMES[metric], *arms], rows, "")


def write_probe_report(
    path: Path, dataset: str, found: Probe, frames: Frames, simulated: Simulated, command: str
) -> None:
    """Write `report.html` of a probe alone."""
    report = Report(
        f"How {Path(dataset).name} looks to the policy", f"{found.frames} frames, {found.episodes} episodes"
    )
    report.text(f"Recommended: {found.recommended}, as {found.reason}.", lead=True)
    report.table(
        ["zero-shot", "value"],
        [[METRIC_NAMES[m], value] for m, value in found.zero_shot.items()],
        f"{interval_note(frames.units())} {METRIC_NOTE}",
    )
    _probe(report, found)
    _cameras(report, simulated, frames)
    settings = {"actions averaged over": f"± {frames.smoothing:g} s", "recordings": dataset}
    report.provenance(command, 0, **settings).write(path)


def _cameras(report: Progress, simulated: Simulated, frames: Frames, result: Adapted | None = None) -> None:
    report.heading("What the camera sees")
    report.picture(_row(simulated.images), "Simulated frames, as the network sees them.")
    recorded = _some(frames.images)
    report.picture(_row(recorded), "Recorded frames.")
    if result is not None and (line := look_line(result.look)):
        report.text(f"By what was done, {line}, in px of the network's image.")
    if result is not None and result.policy.align.moves:
        aligned = result.policy.align(torch.from_numpy(recorded)).round().clamp(0, 255).numpy().astype(np.uint8)
        report.picture(_row(aligned), "Recorded frames, aligned.")


def look_line(found: dict[str, float]) -> str:
    """How a recorded camera looks elsewhere than the simulated one, in words; nothing where it does not."""
    if found == STRAIGHT:
        return ""
    aside = f"{abs(found['right_px']):.1f} px further {'right' if found['right_px'] >= 0 else 'left'}"
    height = f"{abs(found['down_px']):.1f} px {'lower' if found['down_px'] >= 0 else 'higher'}"
    turned = f"turned by {found['roll_deg']:+.1f}° clockwise"
    return f"the recorded camera has things {aside}, {height}, {found['zoom']:.3f} times as large, {turned}"


def _probe(report: Progress, found: Probe) -> None:
    report.heading("How far the recordings are from simulation")
    report.figure(bars_plot(found.shift, "shift [standard deviations of a channel]"), "Per stage, without labels.")
    rows = [[name, found.shift.get(name), found.usual.get(name), value] for name, value in found.gradients.items()]
    report.table(["part", "shift", "between simulated frames", "relative gradient"], rows, "")
    report.text(f"On these grounds: {found.recommended}, as {found.reason}.")


def _some(images: np.ndarray) -> np.ndarray:
    return images[np.linspace(0, len(images) - 1, 2 * SHOWN).astype(int)]


def _row(images: np.ndarray) -> np.ndarray:
    return grid([enlarge(image, 2) for image in _some(images)], SHOWN)
