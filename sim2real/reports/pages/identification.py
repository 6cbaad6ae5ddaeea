"""The report page of an identification."""

from pathlib import Path
from typing import Any

from sim2real.identification.identify import Identification
from sim2real.identification.judge import Errors, Judgement
from sim2real.identification.result import SOURCES, UNITS, without_gripper
from sim2real.identification.servos import IdentifiedServos
from sim2real.identification.simulation import OBJECT, OFFSET
from sim2real.identification.split import Split
from sim2real.identification.uncertainty import FEW
from sim2real.reports.lines import interval_note
from sim2real.reports.page import Report
from sim2real.reports.plots.identification import divergence_plot, parameters_plot, rmse_plot
from sim2real.statistics.agreement import Estimate

ERRORS = ["held-out episodes, RMSE [rad]", "published", "identified", "reduction"]
PARAMETERS = ["joint", "parameter", "value", "95 % interval", "unit", "source"]


CONDITIONAL = (
    "Intervals of parameters are from a sandwich covariance over episodes (or parts of them, if there are few). They"
    " hold for this model and for the fixed values of the parameters that the log does not identify."
)
TOO_SHORT = f"The fitted episodes have fewer than {FEW} parts of a second: too few for intervals of the parameters."


def percent(share: Estimate) -> str:
    """Return a share with its interval, as text."""
    text = f"{100 * share.value:.0f} %"
    if share.low is None or share.high is None:
        return text
    return f"{text} [{100 * share.low:.0f}, {100 * share.high:.0f}]"


def error_rows(servos: IdentifiedServos, judgement: Judgement) -> list[list[Any]]:
    """Return rows for `ERRORS`: open loop and one second ahead, with and without gripper and object, and per joint."""
    body, pairs = without_gripper(servos), (judgement.before, judgement.after)
    ahead = (judgement.second_before, judgement.second_after)

    def row(name: str, before: Errors | None, after: Errors | None, joints: Any = slice(None)) -> list[Any]:
        if before is None or after is None:
            return [name, "-", "-", "-"]
        fall = percent(after.fall(before, joints)) if before.rmse(joints) > 0 else ""
        return [name, before.estimate(joints), after.estimate(joints), fall]

    rows = [row("open loop, all joints", *pairs)]
    if servos.gripper is not None:
        rows.append(row("open loop, without the gripper", *pairs, body))
    if servos.object_rmse is not None:
        rows.append(row("open loop, all joints, empty gripper", judgement.before, judgement.servos))
    rows.append(row("a second ahead, all joints", *ahead))
    if servos.gripper is not None:
        rows.append(row("a second ahead, without the gripper", *ahead, body))
    return rows + [row(f"open loop, {joint}", *pairs, [j]) for j, joint in enumerate(servos.joints)]


def number(value: float) -> str:
    """Return a parameter's value as text, with three digits or four decimal places."""
    return f"{value:.3g}" if abs(value) >= 1e-3 else f"{value:.4f}"


def parameter_rows(servos: IdentifiedServos) -> list[list[Any]]:
    """Return rows for `PARAMETERS`."""
    rows: list[list[Any]] = []
    for joint, servo in servos.parameters.items():
        for name, p in servo.items():
            interval = "" if p.low is None or p.high is None else f"{number(p.low)} … {number(p.high)}"
            rows.append([joint, name, number(p.value), interval, UNITS[name], SOURCES[p.source]])
    return rows


def identified_rows(servos: IdentifiedServos) -> list[list[Any]]:
    """Return rows for PARAMETERS without the last column, of the parameters that the log identifies."""
    return [row[:-1] for row in parameter_rows(servos) if row[3]]


def parameter_interval_line(servos: IdentifiedServos) -> str:
    """Return a note on the parameters' intervals."""
    return CONDITIONAL if identified_rows(servos) else TOO_SHORT


def errors_line(split: Split) -> str:
    """Return a note on the brackets behind the errors on held-out episodes."""
    return interval_note(split.units)


def object_line(servos: IdentifiedServos) -> str:
    """Return whether an object in the gripper was modelled, in words."""
    if servos.object_rmse is None or servos.gripper is None:
        return "The gripper closes on no object in the fitted episodes; none is modelled."
    with_object, without = servos.object_rmse
    modelled = servos.parameters[servos.gripper].get(OBJECT)
    said = f"the jaw's RMSE {with_object:.3f} rad with a grasped object, {without:.3f} rad without"
    if modelled is None:
        return f"The gripper closes on an object, but modelling it did not help on validation episodes ({said})."
    return (
        f"The gripper closes on an object: the jaw stops at {modelled.value:.3f} rad. The object is not part of the"
        f" servo and is modelled separately: it blocks the jaw at this angle when the jaw closes near the table. On"
        f" validation episodes among those fitted this gave {said}."
    )


def write_identification_report(result: Identification, command: str) -> None:
    """Write report.html into the run's folder; raises OSError."""
    servos, judgement, split, recording = result.servos, result.judgement, result.split, result.recording
    fall, body = judgement.after.fall(judgement.before), without_gripper(servos)
    units = recording.units
    count = f"{len(split.fit)} episodes fitted, {len(split.held_out)} held out"
    title = f"{result.robot.name} identified from {Path(result.config.dataset).name}"
    page = Report(title, f"{count}, {recording.fps:g} Hz, LeRobot's units: {units.mode}")
    page.text(
        f"On held-out episodes, the open-loop replay of the commands differs from the logged joints by"
        f" {judgement.after.rmse():.3f} rad with the identified servos and by {judgement.before.rmse():.3f} rad with"
        f" the published ones: {percent(fall)} less. Without the gripper: {judgement.after.rmse(body):.3f} and"
        f" {judgement.before.rmse(body):.3f} rad.",
        lead=True,
    )
    page.text(object_line(servos))
    page.table(ERRORS, error_rows(servos, judgement), errors_line(split))
    page.figure(rmse_plot(servos, judgement), f"Lines: 95 % interval over {split.units}.")
    page.heading(f"Episode {result.typical.index}, held out")
    page.text("The held-out episode with median error. Replays get its first state and its commands only.")
    page.figure(divergence_plot(result.typical, result.replays, servos.joints, recording.fps))
    page.heading("Parameters")
    page.text(
        f"{parameter_interval_line(servos)} Hollow points are not from this log, which does not identify them."
        " Braking is included in damping: below the torque limit a log does not separate them. " + _offset_line(servos)
    )
    page.figure(parameters_plot(servos))
    page.table(PARAMETERS, parameter_rows(servos))
    if units.assumed:
        page.text(f"Too few values to infer the unit: {', '.join(units.assumed)}; the model's range is assumed.")
    page.provenance(command, result.config.seed).write(result.folder / "report.html")


def _offset_line(servos: IdentifiedServos) -> str:
    known = [abs(s[OFFSET].value) for s in servos.parameters.values() if OFFSET in s and s[OFFSET].identifiable]
    if not known:
        return ""
    return f"Offset is a constant between command and measurement, up to {max(known):.3f} rad here."
