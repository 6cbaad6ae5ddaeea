"""The page of an identification."""

from typing import Any

import numpy as np

from sim2real.identification.judge import Errors
from sim2real.identification.result import SOURCES, UNITS, without_gripper
from sim2real.identification.servos import IdentifiedServos, Judgement
from sim2real.identification.simulation import OBJECT, OFFSET, Replayer
from sim2real.identification.split import Split
from sim2real.identification.uncertainty import FEW
from sim2real.recordings.arm_logs import ArmRecording, Log
from sim2real.reports.lines import interval_note
from sim2real.reports.page import Report
from sim2real.reports.plots.identification import divergence_plot, parameters_plot, rmse_plot
from sim2real.statistics.agreement import Estimate

ERRORS = ["held-out episodes, RMSE [rad]", "published", "identified", "fall"]
PARAMETERS = ["joint", "parameter", "value", "95 % interval", "unit", "where from"]


CONDITIONAL = (
    "Intervals of parameters, from a sandwich covariance over episodes (stretches of them, if few), hold within this"
    " model and given the values shown for what the log does not tell: were these uncertain too, they would be wider."
)
TOO_SHORT = (
    f"The fitted episodes make fewer than {FEW} stretches of a second: too few for an interval of any parameter."
)


def percent(share: Estimate) -> str:
    """A share with its interval."""
    text = f"{100 * share.value:.0f} %"
    if share.low is None or share.high is None:
        return text
    return f"{text} [{100 * share.low:.0f}, {100 * share.high:.0f}]"


def error_rows(found: IdentifiedServos, judged: Judgement) -> list[list[Any]]:
    """Of `ERRORS`: open loop and a second ahead, with and without gripper and object, and per joint."""
    body, pairs = without_gripper(found), (judged.before, judged.after)
    ahead = (judged.second_before, judged.second_after)

    def row(name: str, before: Errors | None, after: Errors | None, joints: Any = slice(None)) -> list[Any]:
        if before is None or after is None:
            return [name, "-", "-", "-"]
        fall = percent(after.fall(before, joints)) if before.rmse(joints) > 0 else ""
        return [name, before.estimate(joints), after.estimate(joints), fall]

    rows = [row("open loop, all joints", *pairs)]
    if found.gripper is not None:
        rows.append(row("open loop, without the gripper", *pairs, body))
    if found.object_rmse is not None:
        rows.append(row("open loop, all joints, nothing in the hand", judged.before, judged.servos))
    rows.append(row("a second ahead, all joints", *ahead))
    if found.gripper is not None:
        rows.append(row("a second ahead, without the gripper", *ahead, body))
    return rows + [row(f"open loop, {joint}", *pairs, [j]) for j, joint in enumerate(found.joints)]


def number(value: float) -> str:
    """Of a parameter, to three digits or four places."""
    return f"{value:.3g}" if abs(value) >= 1e-3 else f"{value:.4f}"


def parameter_rows(found: IdentifiedServos) -> list[list[Any]]:
    """Of `PARAMETERS`."""
    rows: list[list[Any]] = []
    for joint, servo in found.parameters.items():
        for name, p in servo.items():
            interval = "" if p.low is None or p.high is None else f"{number(p.low)} … {number(p.high)}"
            rows.append([joint, name, number(p.value), interval, UNITS[name], SOURCES[p.source]])
    return rows


def identified_rows(found: IdentifiedServos) -> list[list[Any]]:
    """Of PARAMETERS but the last: what the log told."""
    return [row[:-1] for row in parameter_rows(found) if row[3]]


def interval_line(found: IdentifiedServos) -> str:
    """What must be known of the parameters' intervals."""
    return CONDITIONAL if identified_rows(found) else TOO_SHORT


def errors_line(split: Split) -> str:
    """What the brackets behind the errors on held-out episodes are."""
    return interval_note(split.units)


def object_line(found: IdentifiedServos) -> str:
    """Whether something in the hand was modelled."""
    if found.object_rmse is None or found.gripper is None:
        return "No hand closing on something was found in the fitted episodes; none is modelled."
    with_object, without = found.object_rmse
    modelled = found.parameters[found.gripper].get(OBJECT)
    said = f"the jaw's RMSE {with_object:.3f} rad with an object in the hand, {without:.3f} rad without"
    if modelled is None:
        return f"The hand closes on something, but to model it did not help episodes set aside ({said})."
    return (
        f"The hand closes on something: the jaw stops at {modelled.value:.3f} rad. This is part of the world and not of"
        f" the servo, and is modelled as such: closing is blocked there once the open jaw closes near the table. On"
        f" episodes set aside among those fitted that gave {said}."
    )


def write_page(
    path: Any, title: str, found: IdentifiedServos, judged: Judgement, split: Split, recording: ArmRecording,
    replayer: Replayer, command: str, seed: int,
) -> None:  # fmt: skip
    """Write `report.html`."""
    fall, body = judged.after.fall(judged.before), without_gripper(found)
    units = recording.units
    count = f"{len(split.fit)} episodes fitted, {len(split.held_out)} held out"
    page = Report(title, f"{count}, {recording.fps:g} Hz, LeRobot's units: {units.mode}")
    page.text(
        f"On episodes held out, replaying the commands open loop misses the logged joints by"
        f" {judged.after.rmse():.3f} rad with the identified servos and by {judged.before.rmse():.3f} rad with the"
        f" published ones: {percent(fall)} less. Without the gripper: {judged.after.rmse(body):.3f} and"
        f" {judged.before.rmse(body):.3f} rad.",
        lead=True,
    )
    page.text(object_line(found))
    page.table(ERRORS, error_rows(found, judged), errors_line(split))
    page.figure(rmse_plot(found, judged), f"Lines: 95 % interval over {split.units}.")
    log = typical(judged, split.held_out)
    page.heading(f"Episode {log.index}, held out")
    page.text("The held-out episode of median error. Replays know its first state and its commands, nothing more.")
    replays = {}
    for name, values in (("published", found.published), ("identified", found.values)):
        replays[name] = replayer.rollout({key: value[None] for key, value in values.items()}, [log])[0][0]
    page.figure(divergence_plot(log, replays, found.joints, recording.fps))
    page.heading("Parameters")
    page.text(
        f"{interval_line(found)} Hollow points are not from this log: it does not tell them, or not apart from others."
        " Braking is part of damping: below the torque limit a log does not tell them apart. " + _offset_line(found)
    )
    page.figure(parameters_plot(found))
    page.table(PARAMETERS, parameter_rows(found))
    if units.assumed:
        page.text(f"Too few values to show their unit: {', '.join(units.assumed)}; the model's range is assumed.")
    page.provenance(command, seed).write(path)


def typical(judged: Judgement, held_out: tuple[Log, ...]) -> Log:
    """The held-out episode of median error."""
    error = judged.after.square.sum(1) / judged.after.count
    return held_out[int(np.argsort(error)[len(error) // 2])]


def _offset_line(found: IdentifiedServos) -> str:
    known = [abs(s[OFFSET].value) for s in found.parameters.values() if OFFSET in s and s[OFFSET].identifiable]
    if not known:
        return ""
    return f"Offset is a constant between command and measurement, up to {max(known):.3f} rad here."
