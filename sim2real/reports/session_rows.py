"""Rows of tables and lines on a session on a robot, for its page and the terminal."""

from collections.abc import Callable
from typing import Any

import numpy as np

from sim2real.evaluation.account import RobotSession, SessionEpisode
from sim2real.reports.page import Link
from sim2real.robots.loop import ABORTED
from sim2real.statistics.rates import Rate

RATE_HEADER = ("policy", "successes", "rate", "Wilson, 95 %", "at every look, 95 %")
DIFFERENCE_HEADER = (
    *("minus the first", "difference", "Newcombe, 95 %", "at every look, 95 %"),
    *("won", "lost", "p", "p at every look"),
)
COMBINED_HEADER = (
    *("policy", "pairs", "simulated", "correlation"),
    *("combined, 95 %", "real trials alone: Wilson, 95 %", "guaranteed, 95 %"),
)
LOOP_HEADER = ("policy", "loop rate [Hz]", "latency: median [ms]", "p95 [ms]", "p99 [ms]", "largest [ms]")
LATENCIES = ("median", "p95", "p99", "largest")
EPISODE_HEADER = ("#", "seed", "policy", "outcome", "reason", "rate [Hz]", "p99 [ms]", "saved as")
SLOW = "loop too slow"


def verdict_line(session: RobotSession) -> str:
    """Return the main result in words: rates, and for several policies whether they differ."""
    said = []
    for k, name in enumerate(session.policies):
        rate = session.wilson(k)
        said.append(
            f"{name}: no episode counts" if rate is None else f"{name} succeeded in {_successes(rate)} episodes"
        )
    for k, name in enumerate(session.policies[1:], 1):
        if k not in session.differences:
            said.append(f"No scene counts for both {session.policies[0]} and {name}")
            continue
        sequential = session.differences[k][1]
        figures, count = sequential.to_dict(), len(sequential.evidence)
        if (changed := sequential.sequence.contradicted) is not None:
            said.append(f"{name} minus {session.policies[0]} is not constant: something changed by scene {changed}")
            continue
        interval = f"{points(figures['value'])} points [{points(figures['low'])}, {points(figures['high'])}]"
        decided = f"decided after scene {sequential.settled}" if sequential.settled else "not decided"
        said.append(f"{name} minus {session.policies[0]} in {count} scenes: {interval} at every look, {decided} at 5 %")
    return ". ".join(said) + "."


def rate_rows(session: RobotSession) -> list[list[Any]]:
    """Return rows of RATE_HEADER."""
    rows: list[list[Any]] = []
    for k, name in enumerate(session.policies):
        rate, sequence = session.wilson(k), session.sequences[k]
        if rate is None or sequence is None:
            rows.append([name, "none", "–", "–", "–"])
            continue
        looks = sequence.to_dict()
        intervals = percent(rate.low, rate.high), percent(looks["low"], looks["high"])
        rows.append([name, _successes(rate), f"{100 * rate.value:.1f} %", *intervals])
    return rows


def difference_rows(session: RobotSession) -> list[list[Any]]:
    """Return rows of DIFFERENCE_HEADER, in percentage points; none without a scene that counts for both."""
    rows: list[list[Any]] = []
    for k, (fixed, sequential) in session.differences.items():
        looks = sequential.to_dict()
        newcombe = f"{points(fixed.low)} … {points(fixed.high)}"
        at_looks = f"{points(looks['low'])} … {points(looks['high'])}"
        tests = f"{fixed.p_value:.2g}", f"{looks['p_value']:.2g}"
        rows.append([session.policies[k], points(fixed.value), newcombe, at_looks, fixed.won, fixed.lost, *tests])
    return rows


def combined_rows(session: RobotSession) -> list[list[Any]]:
    """Return rows of COMBINED_HEADER."""
    rows: list[list[Any]] = []
    for k, each in sorted(session.suresim.items()):
        correlation = "–" if each.correlation is None else f"{each.correlation:.2f}"
        given = f"{100 * each.value:.1f} %: {percent(each.low, each.high)}"
        intervals = percent(each.wilson.low, each.wilson.high), percent(each.guaranteed_low, each.guaranteed_high)
        counts = each.wilson.count, each.simulated
        rows.append([session.policies[k], *counts, correlation, "refused" if each.refused else given, *intervals])
    return rows


def loop_rows(session: RobotSession) -> list[list[Any]]:
    """Return rows of LOOP_HEADER: median over episodes, and the worst episode."""
    rows: list[list[Any]] = []
    for k, name in enumerate(session.policies):
        own = [each for each in session.episodes if each.policy == k]
        rates = [each.rate for each in own if each.rate is not None]
        late = [[each.latency[key] for each in own if each.latency and key in each.latency] for key in LATENCIES]
        rows.append([name, _worst(rates, min), *(_worst(values, max) for values in late)])
    return rows


def episode_rows(session: RobotSession) -> list[list[Any]]:
    """Return rows of EPISODE_HEADER."""
    return [_episode_row(session, each) for each in session.episodes]


def _episode_row(session: RobotSession, each: SessionEpisode) -> list[Any]:
    late = (each.latency or {}).get("p99")
    figures = "–" if each.rate is None else f"{each.rate:.1f}", "–" if late is None else f"{late:.1f}"
    saved = "" if each.file is None else f"episode\N{NO-BREAK SPACE}{each.file}"
    outcome = each.label if each.counts else f"{each.label}, left out"
    slow = "" if each.valid or each.label == ABORTED else SLOW
    by_hand = f"{each.by_hand} commands by hand" if each.by_hand else ""
    why = "; ".join(filter(None, (each.reason, slow, by_hand)))
    link = Link(saved or "film", each.path) if each.path else saved
    return [str(each.place + 1), str(each.seed), session.policies[each.policy], outcome, why, *figures, link]


def by_policy(session: RobotSession, episodes: list[SessionEpisode]) -> str:
    """Return the number of episodes in words, and of each policy if there are several."""
    if not episodes or len(session.policies) == 1:
        return str(len(episodes) or "none")
    each = (f"{name} {sum(e.policy == k for e in episodes)}" for k, name in enumerate(session.policies))
    return f"{len(episodes)} ({', '.join(each)})"


def percent(low: float, high: float) -> str:
    """Return an interval of rates."""
    return f"{100 * low:.1f} … {100 * high:.1f} %"


def points(share: float) -> str:
    """Return a difference of rates in percentage points."""
    return f"{100 * share:+.1f}".replace("-", "−")


def _successes(rate: Rate) -> str:
    return f"{round(rate.value * rate.count)} of {rate.count}"


def _worst(values: list[float], worst: Callable[[list[float]], float]) -> str:
    return f"{np.median(values):.1f} ({worst(values):.1f})" if values else "–"
