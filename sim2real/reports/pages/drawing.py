"""The part of the page of laps that says whether what the policies saw is true."""

from typing import Any

from sim2real.evaluation.results import TrackEvaluation
from sim2real.reports.page import Report
from sim2real.statistics.agreement import Estimate
from sim2real.statistics.rates import RateDifference
from sim2real.tracks.drawing.validity import HEADER, NOTE, UNTOUCHED, Validity
from sim2real.tracks.driving.second import MAP, NEAREST, Comparison

SECOND_HEADER = (
    "policy",
    "laps without intervention: map",
    "second renderer",
    "difference [points]",
    "of the offset [cm]",
    "of its deviation [cm]",
)
PLACES_HEADER = ("along the line [m]", "interventions: map", "second renderer", "difference of the offset [cm]", "")
_NAMES = {MAP: "map", NEAREST: "second renderer", UNTOUCHED: "untouched"}
_SECOND_NOTE = (
    "The same starts, cars, exposures and noise; the second renderer re-projects the nearest recorded frame, as if the "
    "ground were flat, and takes from the map only what that frame did not see. Differences of the same laps, second "
    "renderer minus map: laps without intervention, mean offset to the left of the line in driving direction, and its "
    "standard deviation in a lap; in brackets 95 % intervals over laps."
)
_PLACES_NOTE = (
    "offset to the left of the line, in its own direction. It differs where the interval excludes 0, as one in twenty "
    "does by chance."
)


def second_line(name: str, each: Comparison) -> str:
    """Return whether both renderers agree."""
    count = len(each.laps.seeds)
    if count < 2:
        return f"{name}: a single lap does not tell whether both renderers agree."
    if not each.differs:
        return f"{name}: over the first {count} laps both renderers agree within 95 % intervals."
    where = [f"{place.first:.1f} … {place.last:.1f} m" for place in each.places if place.differs]
    places = f"; the offset differs at {', '.join(where)} along the line" if where else ""
    return f"{name}: over the first {count} laps the renderers disagree in {', '.join(each.differs)}{places}."


def second_rows(result: TrackEvaluation) -> list[list[Any]]:
    """Return rows of SECOND_HEADER."""
    return [
        [name, *each.rates, _percent(each.clean), _percent(each.offset), _percent(each.spread)]
        for name, each in result.second.items()
    ]


def validity_line(name: str, each: Validity) -> str:
    """Return the agreement over all held-out frames."""
    everything = {key: figures["all"] for key, figures in each.figures.items()}
    crops = ", ".join(f"{_NAMES[key]} {figures.crop.value:.3f}" for key, figures in everything.items())
    steering = ", ".join(f"{_NAMES[key]} {figures.mae.value:.3f}" for key, figures in everything.items())
    return (
        f"{name} on {each.parts['all']} held-out frames: correlation of its crop with the true one: {crops}; mean "
        f"absolute difference of its steering: {steering}."
    )


def drawing_lines(result: TrackEvaluation) -> list[str]:
    """Return what is known of the truth of what the policies saw, for the terminal."""
    return [
        *(second_line(name, each) for name, each in result.second.items()),
        *(validity_line(name, each) for name, each in result.validity.items()),
        *_unproven(result),
    ]


def add_drawing(page: Report, result: TrackEvaluation) -> None:
    """Add the second renderer's laps, and the agreement with held-out frames."""
    if result.second:
        page.heading("Does it depend on how frames are drawn?")
        for name, each in result.second.items():
            page.text(second_line(name, each))
        page.table(SECOND_HEADER, second_rows(result), _SECOND_NOTE)
        for name, each in result.second.items():
            page.table(PLACES_HEADER, _place_rows(each), f"{name}: {_PLACES_NOTE}")
    page.heading("Is what is drawn true?")
    for name, each in result.validity.items():
        header = [*HEADER, *(_NAMES[key] for key in each.figures)]
        page.text(validity_line(name, each))
        page.table(header, each.rows("crop"), f"{name}: correlation of the network's crop with the true frame's.")
        page.table(header, each.rows("mae"), f"{name}: mean absolute difference of the steering. {NOTE}")
    for line in _unproven(result):
        page.text(line)


def _unproven(result: TrackEvaluation) -> list[str]:
    return [f"{name} is not compared with held-out frames: {why}." for name, why in result.unproven.items()]


def _place_rows(each: Comparison) -> list[list[Any]]:
    return [
        [
            f"{place.first:.1f} … {place.last:.1f}",
            *place.interventions,
            _percent(place.offset),
            "differs" if place.differs else "",
        ]
        for place in each.places
    ]


def _percent(estimate: Estimate | RateDifference) -> str:
    """Return metres as centimetres, and shares as percentage points."""
    low, high = estimate.low, estimate.high
    interval = "" if low is None or high is None else f" [{100 * low:+.1f}, {100 * high:+.1f}]"
    return f"{100 * estimate.value:+.1f}{interval}"
