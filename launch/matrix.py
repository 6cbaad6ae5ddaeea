"""`sim2real matrix`: measure where adapting helps."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import print_table, reporting, resumable, resume_command, say, typed_command
from sim2real.runs import run_folder
from sim2real.transfer.matrix_config import MatrixConfig


def command(
    config: Annotated[MatrixConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
    resume: Annotated[bool, tyro.conf.arg(help="resume an interrupted run")] = False,
) -> None:
    """Adapt every policy to every recording with every number of frames, by `auto` and by every plan it may choose.

    The page shows each candidate's error on the test frames, the candidate that `auto` chose before it saw them, and
    its regret: by how much its error exceeds that of the best candidate in hindsight.

    Example: sim2real matrix --policies runs/policy --recordings datasets/track_1,datasets/track_2 datasets/other
    """
    # Imported here because torch and MuJoCo take seconds to import, and --help does not need them.
    from sim2real.reports.pages.matrix import matrix_lines, matrix_table, write_matrix_report
    from sim2real.transfer.matrix import matrix

    out = out or run_folder("matrix", config, resume)
    with resumable(resume_command(out), out), reporting() as stages:
        finished = matrix(config, out, resume, stages)
    print_table(*matrix_table(finished, intervals=False))
    for line in matrix_lines(finished):
        say(line)
    write_matrix_report(out / "report.html", finished, typed_command())
    say(f"report: {out / 'report.html'}")
