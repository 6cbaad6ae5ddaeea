"""Tables and lines on the candidates of an adaptation, for its page and for the terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from sim2real.reports.laps import LAPS_HEADER, lap_row
from sim2real.statistics.agreement import METRIC_NAMES, Estimate, metric_header
from sim2real.tracks.driving.figures import lap_figures
from sim2real.transfer.outcome import Outcome

SPREAD_HEADER = ("smallest", "largest")
Table = tuple[list[str], list[list[Any]]]


def candidate_table(estimates: Mapping[str, Mapping[str, Estimate]]) -> Table:
    """Return a header, and a row of metrics per candidate."""
    rows = [[name, *figures.values()] for name, figures in estimates.items()]
    return ["candidate", *metric_header(next(iter(estimates.values())))], rows


def candidate_tables(outcome: Outcome, seeds: int) -> Iterator[tuple[str, Table | None]]:
    """Yield a title and a table for each number of frames; no table if nothing is tested.

    Args:
        seeds: number of fits of each candidate.
    """
    for comparison in outcome.comparisons:
        main = comparison is outcome.comparisons[-1]
        estimates = outcome.estimates if main else comparison.estimates
        title = f"learned from {comparison.frames} frames ({comparison.episodes:g} episodes)"
        title += ", the tested policies" if main else f", mean of {seeds} seeds"
        yield title, candidate_table(estimates) if estimates else None


def spread_table(outcome: Outcome) -> tuple[str, Table] | None:
    """Return a title and a table of the criterion over the seeds; None if nothing is tested."""
    if outcome.agreement is None:
        return None
    rows = [[name, c.weights, *criterion_spread(outcome, name)] for name, c in outcome.candidates.items()]
    return f"{METRIC_NAMES[outcome.agreement.criterion]} over the seeds", (
        ["candidate", "weights", *SPREAD_HEADER],
        rows,
    )


LAPS_NOTE = (
    "The same laps of a rebuilt track by every candidate, as the log measured the car. A lap in which the car is put "
    "back on the line has failed. Differences are paired by lap; in brackets 95 % intervals by bootstrap over laps."
)


def laps_table(outcome: Outcome) -> Table | None:
    """Return a header, and a row per candidate of the laps that it drove; None if none drove."""
    driven = outcome.driven
    if driven is None:
        return None
    more = {name: "" if name == outcome.output else driven.more(name, outcome.output) for name in driven.laps}
    rows = [[*lap_row(name, lap_figures(laps, driven.fps)), more[name]] for name, laps in driven.laps.items()]
    return [*LAPS_HEADER, "interventions beyond the output's"], rows


def criterion_spread(outcome: Outcome, candidate: str) -> tuple[float, float]:
    """Return the smallest and the largest value of the criterion over a candidate's seeds."""
    assert outcome.agreement is not None
    values = outcome.by_seed[candidate][outcome.agreement.criterion]
    return min(values), max(values)
