"""`sim2real ladder`: measure what adaptation recovers when the simulated camera was wrong."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import print_table, reporting, resumable, resume_command, say, typed_command
from sim2real.runs import run_folder
from sim2real.transfer.ladder_config import LadderConfig


def command(
    config: Annotated[LadderConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
    resume: Annotated[bool, tyro.conf.arg(help="resume an interrupted run")] = False,
) -> None:
    """Pretrain with a matched and with increasingly wrong cameras, adapt each by every plan, and tabulate the results.

    The plan that `auto` chooses is compared with the best plan. One half of the test recordings selects the best plan;
    the other half compares the two.

    Example: sim2real ladder datasets/track_1 datasets/track_2 --out runs/ladder
    """
    # Imported here because torch and MuJoCo take seconds to import, and --help does not need them.
    from sim2real.reports.pages.ladder import HEADER, ladder_note, ladder_rows, write_ladder_report
    from sim2real.transfer.ladder import ladder

    out = out or run_folder("ladder", config, resume)
    with resumable(resume_command(out), out), reporting() as stages:
        climbed = ladder(config, out, resume, stages)
    print_table(HEADER, ladder_rows(climbed))
    say(f"Recorded actions are averaged over ± {climbed.smoothing:g} s. {ladder_note(climbed)}")
    write_ladder_report(out / "report.html", climbed, typed_command())
    say(f"report: {out / 'report.html'}")
