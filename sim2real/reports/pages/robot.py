"""The page of a session on a robot, with what a reviewer needs to believe it or not."""

from pathlib import Path
from typing import Any

from sim2real.evaluation.account import RobotSession
from sim2real.evaluation.drift import FINE
from sim2real.reports.page import Report
from sim2real.reports.plots.sessions import difference_plot, outcomes_plot, rates_plot
from sim2real.reports.session_rows import (
    COMBINED_HEADER,
    DIFFERENCE_HEADER,
    EPISODE_HEADER,
    LOOP_HEADER,
    RATE_HEADER,
    SLOW,
    by_policy,
    combined_rows,
    difference_rows,
    episode_rows,
    loop_rows,
    rate_rows,
    verdict_line,
)
from sim2real.robots.loop import ABORTED
from sim2real.statistics.rates import Rate

_RATE_NOTE = (
    "Wilson's interval holds if the number of episodes was fixed beforehand and the session did not stop for a result. "
    "The other holds at every look, whenever the session stops: with 95 % none of its intervals ever misses (betting, "
    "Waudby-Smith & Ramdas 2024). It is the intersection of all so far, so that an early streak leaves it lopsided."
)
_DIFFERENCE_NOTE = (
    "The same scenes of both, in percentage points. Won, lost: scenes in which only this policy succeeded, only the "
    "first. p: exact McNemar test, for a number of scenes fixed beforehand. p at every look: 1 / the largest evidence "
    "so far; below 0.05 it may end the session."
)
_COMBINED_NOTE = (
    "Real trials, each paired with a simulated one of the same start, and further simulated ones (SureSim, arXiv "
    "2510.04354, with weight 1). Guaranteed: by bets, for any number of trials. Decide beforehand which interval "
    "counts: the narrowest of several is too narrow."
)
_LOOP_NOTE = "Median over episodes, in brackets the worst episode. Latency: from an observation to its command."


def write_robot_report(session: RobotSession, folder: Path, command: str, seed: int | None = None) -> Path:
    """Write `report.html` to the run's folder; returns its path.

    Args:
        command: the command line.
        seed: seed of the first scene.

    Raises:
        OSError: the disk does not take it.
    """
    robot_page(session).provenance(command, seed).write(folder / "report.html")
    return folder / "report.html"


def robot_page(session: RobotSession) -> Report:
    """Return the page of a session, without its provenance."""
    page = Report(f"{session.task} on a robot", session.place)
    page.text(verdict_line(session), lead=True)
    page.heading("What was compared")
    hashes = dict(zip(session.policies, session.weights, strict=True))
    page.facts({name: f"SHA-256 {digest}" for name, digest in hashes.items()}, code=session.policies)
    page.heading("How").facts(_protocol(session))
    page.heading("Success").table(RATE_HEADER, rate_rows(session), _RATE_NOTE)
    for line in _changed(session):
        page.text(line)
    if differences := difference_rows(session):
        page.table(DIFFERENCE_HEADER, differences, _DIFFERENCE_NOTE)
    _add_combined(page, session)
    _add_plots(page, session)
    page.heading("Control loop").table(LOOP_HEADER, loop_rows(session), _LOOP_NOTE)
    page.heading("All episodes").table(EPISODE_HEADER, episode_rows(session))
    page.heading("What this does not say")
    for line in _limits(session):
        page.text(line)
    return page


def _protocol(session: RobotSession) -> dict[str, Any]:
    policies, driven = len(session.policies), len(session.episodes)
    planned, seeds = session.planned * policies, sorted({each.seed for each in session.episodes})
    order = "drawn at random before the first episode, for each scene"
    if session.by_person:
        order += f"; the person at the robot {'was not told it' if session.blind else 'could know it'}"
    aborted = [each for each in session.episodes if each.label == ABORTED]
    slow = [each for each in session.episodes if each.label != ABORTED and not each.valid]
    by_hand = [each for each in session.episodes if each.by_hand]
    camera = session.drift.text if session.drift else "not compared with a reference frame"
    return {
        "scenes": f"{session.planned} planned" + (f", seeds {seeds[0]} to {seeds[-1]} driven" if seeds else ""),
        "episodes": f"{driven} of {planned} driven" + ("" if driven >= planned else ": the session ended early"),
        **({"order of the policies": order} if policies > 1 else {}),
        "aborted, left out": by_policy(session, aborted),
        f"loop below 90 % of {session.rate:g} Hz, left out": by_policy(session, slow),
        **({"a person took over": by_policy(session, by_hand)} if by_hand else {}),
        "camera": camera + ("; accepted by the person at the robot" if session.accepted_drift else ""),
        "exposure": session.exposure or "not known whether exposure and white balance were fixed",
    }


def _changed(session: RobotSession) -> list[str]:
    return [
        f"{name}: from counted episode {sequence.contradicted} on its outcomes contradict a constant rate. Something "
        "changed during the session; no interval describes it."
        for name, sequence in zip(session.policies, session.sequences, strict=True)
        if sequence is not None and sequence.contradicted is not None
    ] + [
        f"{session.policies[k]}: from scene {each.sequence.contradicted} on its difference to the first contradicts a "
        "constant one. Something changed during the session; no interval describes it."
        for k, (_, each) in session.differences.items()
        if each.sequence.contradicted is not None
    ]


def _add_combined(page: Report, session: RobotSession) -> None:
    if not session.suresim:
        return
    page.heading("Combined with simulated trials").table(COMBINED_HEADER, combined_rows(session), _COMBINED_NOTE)
    for k, combined in sorted(session.suresim.items()):
        if combined.refused:
            page.text(f"{session.policies[k]}: {combined}.")


def _add_plots(page: Report, session: RobotSession) -> None:
    strips: dict[str, list[tuple[int, str]]] = {name: [] for name in session.policies}
    for place, each in enumerate(session.episodes):
        kind = each.label if each.valid or each.label == ABORTED else SLOW
        strips[session.policies[each.policy]].append((place, kind))
    page.heading("In the order in which it happened")
    page.figure(outcomes_plot(strips, SLOW), "Every episode, those that are left out included.")
    rates = [session.wilson(k) for k in range(len(session.policies))]
    known = zip(session.policies, session.sequences, rates, strict=True)
    running = {name: (sequence, rate) for name, sequence, rate in known if sequence is not None and rate is not None}
    if running:
        page.figure(rates_plot(running), "Success rate after every counted episode.")
    for k, (fixed, sequential) in session.differences.items():
        caption = f"{session.policies[k]} minus {session.policies[0]}, after every scene that counts for both."
        page.figure(difference_plot(sequential, fixed), caption)


def _limits(session: RobotSession) -> list[str]:
    """Return what the figures do not cover, in sentences."""
    scenes = ", and a scene that a person prepares is not drawn at random" if session.by_person else ""
    lines = [
        "The intervals are for scenes such as these, with this robot, place, light and camera pose. They say nothing "
        f"about another place or day{scenes}.",
        "They hold if episodes are independent and the rate is constant: wear, heat and battery may change it.",
    ]
    for k, name in enumerate(session.policies):
        own = [each for each in session.episodes if each.policy == k and (each.valid or each.label == ABORTED)]
        if any(each.label == ABORTED for each in own):
            lower = Rate.of(sum(each.succeeded for each in own), len(own))
            lines.append(
                f"Aborted episodes are left out. If all those of {name} had failed, its rate would be {lower}."
            )
    if any(each.by_hand and each.counts for each in session.episodes):
        lines.append("Episodes in which a person took over count as failures: the policy needed help.")
    if session.by_person:
        known = "did not know" if session.blind else "could know"
        several = f", who {known} which policy drove" if len(session.policies) > 1 else ""
        lines.append(f"The outcomes were judged by the person at the robot{several}.")
        if session.drift is None or session.drift.verdict != FINE:
            lines.append("It is not known that the camera stands where it did when the policies' recordings were made.")
    return lines
