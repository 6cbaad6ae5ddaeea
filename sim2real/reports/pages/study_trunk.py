"""The section of a study's page on shared trunks."""

from typing import Any

from sim2real.reports.page import Report
from sim2real.reports.plots.study import changes_plot, driven_plot
from sim2real.statistics.agreement import Estimate
from sim2real.statistics.rates import Rate
from sim2real.studies.part import Summary
from sim2real.studies.trunk_summary import REFERENCE, percent

ARMS = {
    "separate": "separate networks",
    "shared": "shared, equal updates",
    "mixed": "shared, equal samples per task",
    "narrow": "separate, equal operations in all",
}
"""The arms of the part, in words."""


def add_trunk(report: Report, summary: Summary) -> None:
    """Add the section: changes by sharing, the closed loop, all errors, and the search of rates."""
    figures = summary.figures
    tasks = _tasks(figures["arms"])
    report.heading("Shared trunk against separate networks")
    report.text(
        "Tasks: steering; offset, heading and curvature; mask; depth. All networks learn from the same "
        f"{figures['frames']:,} frozen frames and are judged on {figures['judged']:,} frames of other layouts. "
        "Separate: a network per task. Shared, equal updates: one network, whose frames have all labels, with as many "
        "steps and labelled frames per task as a separate network. Shared, equal samples per task: each task learns "
        "from frames of its own, the same as its separate network, so that only the trunk is shared. Separate, equal "
        "operations: narrower networks that need as many operations per frame together as the shared one."
    )
    report.figure(
        changes_plot(figures["arms"], ARMS),
        "Change of the error against separate networks of the same width; below 0 is better. 95 % intervals cover "
        "other layouts and another training: they are over validation layouts and seeds, paired; those of verdicts are "
        "corrected for the number of comparisons (Bonferroni). So few seeds cover another training only roughly, and "
        f"the choice of rates not at all. Networks see {figures['samples']:,} samples per task, fewer than it takes to "
        "converge: large networks may gain more with more. Four separate networks have four rates of their own, a "
        "shared one has one.",
    )
    report.table(
        ["", *tasks],
        [
            [f"width {width}", *(percent(Estimate(**row[task])) for task in tasks)]
            for width, row in figures["shared_against_narrow"].items()
        ],
        "Shared against separate networks with equal operations in all: change of the error, intervals corrected.",
    )
    if any(figures["driven"].values()):
        report.figure(
            driven_plot(figures["driven"], ARMS),
            "Closed loop: success in validation episodes, the same for all arms. The 95 % Wilson intervals cover other "
            "episodes of these networks, not another training.",
        )
        report.table(
            *_driven_table(figures["driven"]),
            "Differences are against separate networks, paired by episode; intervals do not cover another training.",
        )
    report.table(
        *_error_table(figures["arms"]),
        "Errors in units of what the best constant makes: 0 is perfect, 1 as good as a constant. Operations: "
        "multiply-accumulates for one frame of all the arm's networks.",
    )
    report.table(
        *_search_table(figures["search"]),
        f"Trials with seed {figures['seeds'][0]} and fewer updates, judged on {figures['choosing']:,} frames of "
        "layouts that judge nothing else; every network has the same grid.",
    )


def _driven_table(driven: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
    rows = [
        [f"width {width}", ARMS[arm], Rate(**each["success"]), *_against(arm, each)]
        for width, arms in driven.items()
        for arm, each in arms.items()
    ]
    return ["", "arm", "success", "difference", "mean offset [half road widths]", "change"], rows


def _against(arm: str, each: dict[str, Any]) -> list[Any]:
    """Return the cells of success and offset against the separate networks, which have none themselves."""
    offset = Estimate(**each["offset"])
    if arm == REFERENCE:
        return ["", offset, ""]
    value, low, high = (100 * each["success_difference"][name] for name in ("value", "low", "high"))
    return [f"{value:+.0f} points [{low:+.0f}, {high:+.0f}]", offset, percent(Estimate(**each["offset_change"]))]


def _error_table(arms: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
    tasks = _tasks(arms)
    rows = [
        [
            *(f"width {width}", ARMS[arm], ", ".join(map(str, sorted(set(each["channels"])))), each["operations"]),
            *(Estimate(**each["error"][task]) for task in tasks),
        ]
        for width, row in arms.items()
        for arm, each in row.items()
    ]
    return ["", "arm", "channels of the stem", "operations", *tasks], rows


def _tasks(arms: dict[str, Any]) -> list[str]:
    return list(next(iter(next(iter(arms.values())).values()))["error"])


def _search_table(search: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
    rates = list(next(iter(search.values()))["tried"])
    rows = [
        [name, f"{each['chosen']:g}" + (" (at the edge)" if each["at_edge"] else ""), *each["tried"].values()]
        for name, each in search.items()
    ]
    return ["network", "chosen rate", *(f"error at {rate}" for rate in rates)], rows
