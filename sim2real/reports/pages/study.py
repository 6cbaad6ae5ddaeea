"""The page of a study, and the lines that its command prints, too."""

from collections.abc import Callable, Mapping
from pathlib import Path

from sim2real.reports.page import Report
from sim2real.reports.pages.study_transfer import add_depth, add_rate, add_similarity
from sim2real.reports.pages.study_trunk import add_trunk
from sim2real.studies.part import Summary
from sim2real.studies.study import Study
from sim2real.studies.study_config import PARTS

SECTIONS: Mapping[str, Callable[[Report, Summary], None]] = {
    "shared-trunk": add_trunk,
    "similarity-size": add_similarity,
    "freeze-depth": add_depth,
    "learning-rate": add_rate,
}
"""Adds the section of a part to the page."""


def study_lines(study: Study) -> list[str]:
    """Return the verdicts, the seeds, and what was left out."""
    verdicts = [str(verdict) for summary in study.summaries.values() for verdict in summary.verdicts]
    return [*verdicts, _seeds(study), *_left_out(study)]


def write_study_report(path: Path, study: Study, command: str) -> None:
    """Write the page of a study.

    Args:
        command: the command line that made it.
    """
    report = Report("Claims about learning from simulation, measured", ", ".join(study.summaries))
    for summary in study.summaries.values():
        for verdict in summary.verdicts:
            report.text(str(verdict), lead=True)
    for name, summary in study.summaries.items():
        SECTIONS[name](report, summary)
    report.heading("Left out")
    for line in _left_out(study):
        report.text(line)
    seeds = ", ".join(map(str, study.config.drawn))
    report.provenance(command, seeds=seeds, full=study.config.full).write(path)


def _seeds(study: Study) -> str:
    return f"Seeds: {', '.join(map(str, study.config.drawn))}."


def _left_out(study: Study) -> list[str]:
    lines = [f"{name}: {text}" for name, summary in study.summaries.items() for text in summary.left_out]
    lines += [f"part {part}" for part in PARTS if part not in study.config.parts]
    return [f"Left out, the whole grid has it: {line}." for line in lines] or [
        "Nothing was left out of the whole grid."
    ]
