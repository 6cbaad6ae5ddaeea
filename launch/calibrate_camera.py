"""`sim2real calibrate camera`: calibrate a camera from the log of a car that drove."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import print_table, reporting, say, typed_command
from sim2real.calibration.config import CameraConfig


def command(
    config: Annotated[CameraConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
) -> None:
    """Fit focal length, centre, distortion and tilt of a car's camera to its log: frames of a flat ground must agree.

    Needs images of a flat ground from a car that drives and turns, best in laps: these are whole turns, which tells the
    lens from the car's lean. No board, no poses. Blocks of time that the fit does not see judge it. Height and scale
    cannot be told from images. Writes camera.json (for `pretrain --camera` and `reconstruct --camera`), metrics.json
    and report.html.

    Example: sim2real calibrate camera datasets/track_2 --out runs/lens

    From images of a printed board: sim2real calibrate board --help; an arm by hand: sim2real calibrate so101 --help
    """
    from sim2real.calibration.camera import calibrate_camera
    from sim2real.reports.pages import calibration as page

    with reporting() as stages:
        result = calibrate_camera(config, out, stages)
    page.write_calibration_report(result, typed_command())
    print_table(page.PARAMETERS, page.parameter_rows(result))
    for line in page.lines(result):
        say(line)
    say(f"rebuild the track with it: sim2real reconstruct {config.dataset} {page.options(result)}")
    say(f"report: {result.folder / 'report.html'}")
