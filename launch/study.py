"""`sim2real study`: measure claims about learning from simulation."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import reporting, resumable, resume_command, say, typed_command
from sim2real.runs import run_folder
from sim2real.studies.study_config import StudyConfig


def command(
    config: Annotated[StudyConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
    resume: Annotated[bool, tyro.conf.arg(help="resume an interrupted run")] = False,
) -> None:
    """Measure claims about learning from simulation: shared trunks, transfer plans, freeze depth, learning rates.

    The page shows every figure with its interval and the grid that was searched; a claim that does not hold is reported
    as not holding.

    Example: sim2real study --out runs/study
    """
    # Imported here because torch and MuJoCo take seconds to import, and --help does not need them.
    from sim2real.reports.pages.study import study_lines, write_study_report
    from sim2real.studies.study import study

    out = out or run_folder("study", config, resume)
    with resumable(resume_command(out), out), reporting() as stages:
        finished = study(config, out, resume, stages)
    for line in study_lines(finished):
        say(line)
    write_study_report(out / "report.html", finished, typed_command())
    say(f"report: {out / 'report.html'}")
