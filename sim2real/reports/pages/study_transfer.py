"""The sections of a study's page on transfer: similarity and size, freeze depth, learning rate."""

from typing import Any

from sim2real.reports.page import METRIC_NOTE, Report
from sim2real.reports.plots.study_transfer import depth_plot, rates_plot, similarity_plot
from sim2real.statistics.agreement import Estimate
from sim2real.studies.cells import DESCRIPTIONS
from sim2real.studies.fits import signed
from sim2real.studies.part import Summary

INTERVALS = (
    "95 % intervals cover other sessions and another training with another choice of frames: they are over {unit} and "
    "seeds {seeds}; differences are paired by session and seed. Intervals of a verdict are corrected for its number of "
    "comparisons (Bonferroni), others are not; so few seeds cover another training only roughly."
)


def add_similarity(report: Report, summary: Summary) -> None:
    """Add the section: errors of all candidates, the winners, and the advice."""
    figures = summary.figures
    places = figures["places"]
    report.heading("Data size and similarity")
    _describe(report, dict.fromkeys(place["cell"] for place in places))
    report.figure(
        similarity_plot(places),
        f"Error of each candidate; left to right, more frames. {_intervals(figures)} The ring marks what `auto` chose "
        f"on the frames learned from (seeds {_listed(figures['choices'])}).",
    )
    names = list(places[0]["errors"])
    report.table(
        ["place", "best", "not shown to be worse", "probe", "auto", "regret of probe", "regret of auto"],
        [_advice(place) for place in places],
        "Best in hindsight, which is partly chance: regrets, by what share the error exceeds the best one's, are upper "
        "bounds. `probe` and `auto` name zero-shot with its gain, sensor-shift, strange-place or scratch; the priors "
        "of `auto` were read off other recordings of these kinds of cars and places, which is no test of them in a "
        f"new kind of place. Chosen with seeds {_listed(figures['choices'])}; errors are means over all seeds.",
    )
    report.table(
        ["place", *names],
        [[place["name"], *(Estimate(**place["errors"][name]) for name in names)] for place in places],
        METRIC_NOTE,
    )
    stages = list(places[0]["shift"])
    report.table(
        ["place", "correlation of zero-shot", "MAE of zero-shot", "with its gain", *stages],
        [_distance(place, stages) for place in places],
        "How far the cells are: correlation of zero-shot with the actions that are learned from, and shift of each "
        "stage's features from simulation, as a multiple of that between two halves of simulation.",
    )
    report.table(
        ["place", *places[0]["steps"]],
        [[place["name"], *place["steps"].values()] for place in places],
        "Gradient steps: plans take fewer with few frames, lest they forget or overfit.",
    )
    about = "; ".join(f"{name}: {text}" for name, text in figures["plans"].items())
    report.text(f"Plans, as `adapt` runs them. {about}.")


def add_depth(report: Report, summary: Summary) -> None:
    """Add the section: the error by the number of trained stages, from below and from above."""
    figures = summary.figures
    report.heading("Freeze depth")
    report.text(
        f"Copied weights, {figures['frames']:,} frames, {figures['steps']:,} steps at a learning rate of "
        f"{figures['learning_rate']:g}, no penalty, no simulated frames; the head is always trained. Either the lowest "
        "stages are trained and the rest is frozen, or the highest."
    )
    _describe(report, figures["curves"])
    report.figure(depth_plot(figures["curves"], figures["untrained"], figures["metric"]), _intervals(figures))
    rows = [
        [cell, which if 0 < k < len(points) - 1 else "", len(point["trained"]) - 1, *_gained(point)]
        for cell, curves in figures["curves"].items()
        for which, points in curves.items()
        for k, point in enumerate(points)
        if which == "lowest" or 0 < k < len(points) - 1  # none and all are the same plans
    ]
    header = ["cell", "which", "stages trained", "parts trained", "error", "difference to the head alone"]
    report.table(header, rows, METRIC_NOTE)


def add_rate(report: Report, summary: Summary) -> None:
    """Add the section: the error by the learning rate of copied weights."""
    figures = summary.figures
    places = figures["places"]
    report.heading("Learning rate of copied weights")
    report.text(
        "Everything is trained, from copied weights or from scratch, with the same number of updates. Rates are "
        f"multiples of {figures['learning_rate']:g}, that of the plan scratch."
    )
    _describe(report, dict.fromkeys(place["cell"] for place in places))
    report.figure(rates_plot(places, figures["metric"]), _intervals(figures))
    rates = list(places[0]["copied"])
    report.table(
        ["cell", "frames", "weights", *(f"{rate} times" for rate in rates), "untrained"],
        [
            [
                *(place["cell"], place["frames"], weights),
                *(Estimate(**place[weights][rate]) for rate in rates),
                Estimate(**place["untrained"]) if weights == "copied" else "",
            ]
            for place in places
            for weights in ("scratch", "copied")
        ],
        METRIC_NOTE,
    )
    report.table(
        ["cell", "frames", "best rate from scratch", "copied weights at smaller ones, difference"],
        [
            [
                *(place["cell"], place["frames"], f"{place['best_of_scratch']:g} times"),
                "; ".join(f"{rate} times {signed(Estimate(**each))}" for rate, each in place["difference"].items()),
            ]
            for place in places
        ],
        "Differences are to copied weights at the best rate from scratch; their intervals hold at once.",
    )


def _describe(report: Report, cells: Any) -> None:
    report.text(" ".join(f"{name}: {DESCRIPTIONS[name]}." for name in cells))


def _intervals(figures: dict[str, Any]) -> str:
    return INTERVALS.format(unit=figures["unit"], seeds=_listed(figures["seeds"]))


def _listed(values: Any) -> str:
    return ", ".join(map(str, values))


def _advice(place: dict[str, Any]) -> list[Any]:
    named = [", ".join(dict.fromkeys(place["advice"][adviser])) for adviser in ("probe", "auto")]
    regrets = [f"{100 * place['regret'][adviser]:.0f} %" for adviser in ("probe", "auto")]
    return [place["name"], place["best"], ", ".join(place["ties"]) or "none", *named, *regrets]


def _distance(place: dict[str, Any], stages: list[str]) -> list[Any]:
    errors = [Estimate(**place["plain"][name]) for name in ("zero-shot", "gain")]
    return [place["name"], place["correlation"], *errors, *(place["shift"][stage] for stage in stages)]


def _gained(point: dict[str, Any]) -> list[Any]:
    return [", ".join(point["trained"]), Estimate(**point["error"]), signed(Estimate(**point["gained"]))]
