"""`sim2real calibrate board`: calibrate a camera from images of a printed board."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import print_table, reporting, say, typed_command
from sim2real.calibration.config import BoardConfig


def command(
    config: Annotated[BoardConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
) -> None:
    """Fit lens models to images of a ChArUco board or a chessboard; views that a model was not fitted to choose it.

    Refused: fewer than 10 views, more than 1 px of held-out error, a board that was seen in less than 40 % of the frame
    or tilted by less than 15 degrees. Writes camera.json (for `pretrain --camera`, `reconstruct --camera`),
    metrics.json and report.html.

    Example: sim2real calibrate board --print-board board.pdf

    Example: sim2real calibrate board photos --out runs/lens
    """
    from sim2real.reports.pages import board as page

    if config.print_board is not None:
        page.print_board(config.board, config.print_board)
        say(f"{config.print_board}: print it at 100 %, glue it onto something flat, measure a square")
        return
    from sim2real.calibration.from_board import calibrate_board

    with reporting() as stages:
        result = calibrate_board(config, out, stages)
    page.write_board_report(result, typed_command())
    print_table(page.MODELS, page.model_rows(result))
    for line in page.lines(result):
        say(line)
    say(f"camera: {result.folder / 'camera.json'}\nreport: {result.folder / 'report.html'}")
