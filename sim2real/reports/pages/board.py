"""The page of a camera that was calibrated from a board, and the board's own print."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from sim2real.calibration.board import Finder
from sim2real.calibration.config import Board
from sim2real.calibration.lens_models import residuals
from sim2real.errors import InputError
from sim2real.files import replaced_file
from sim2real.reports.page import Report
from sim2real.reports.plots.charts import COLOURS, INK, new_grid

if TYPE_CHECKING:
    from sim2real.calibration.from_board import BoardCalibration

MODELS = ("lens model", "held-out error", "chosen")
_INCH, _MARGIN = 0.0254, 0.012  # m
_DPI, _SQUARE = 300, 240  # px of a printed square


def print_board(board: Board, path: Path) -> None:
    """Write a board in its true size to a PDF or PNG file.

    Raises:
        InputError: the file exists.
    """
    if path.exists():
        raise InputError(f"{path} exists: choose another file, or remove it first")
    width, height = board.columns * board.square, board.rows * board.square
    page = np.array([width, height]) + 2 * _MARGIN
    figure = Figure(figsize=tuple(page / _INCH), facecolor="white")
    axes = figure.add_axes((_MARGIN / page[0], _MARGIN / page[1], width / page[0], height / page[1]))
    axes.imshow(Finder(board).picture(_SQUARE), cmap="gray", vmin=0, vmax=255, interpolation="none", aspect="auto")
    axes.set_axis_off()
    text = f"{board.kind} {board.columns} x {board.rows}, squares of {1000 * board.square:g} mm"
    figure.text(_MARGIN / page[0], 0.3 * _MARGIN / page[1], text, fontsize=8, color=INK)
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.suffix.lower().removeprefix(".")
    with replaced_file(path) as temporary:
        figure.savefig(temporary, format=kind, dpi=_DPI, metadata={"CreationDate": None} if kind == "pdf" else None)


def model_rows(result: "BoardCalibration") -> list[list[Any]]:
    """Return rows of MODELS."""
    return [
        [model.name, f"{model.rms:.3f} px" if np.isfinite(model.rms) else "none found", model is result.model]
        for model in result.models
    ]


def lines(result: "BoardCalibration") -> list[str]:
    """Return the camera, and what it was found from, in words."""
    camera, rms = result.camera, result.metrics["rms"]
    said = [
        f"{camera.model}: focal length {camera.fx:.1f} x {camera.fy:.1f} px, centre {camera.cx:.1f}, {camera.cy:.1f} "
        f"px; {rms['heldout']:.2f} px of error on held-out views, {rms['fitted']:.2f} px on those of the fit.",
        f"{len(result.views)} views, {len(result.offsets)} corners in {100 * result.covered:.0f} % of the frame, "
        f"tilted by up to {result.tilt:.0f}°.",
    ]
    if result.unseen:
        more = f" and {len(result.unseen) - 5} more" if len(result.unseen) > 5 else ""
        said.append(f"No board was found in {', '.join(result.unseen[:5])}{more}.")
    return said


def write_board_report(result: "BoardCalibration", command: str) -> None:
    """Write report.html into the run's folder.

    Args:
        command: the command line that made it.
    """
    report = Report("A camera, calibrated from a board", result.config.images)
    summary, *more = lines(result)
    report.text(summary, lead=True)
    for line in more:
        report.text(line)
    note = "Root mean square over views of cameras that were fitted without them (5 folds). The simplest model that is "
    report.table(MODELS, model_rows(result), note + "no worse than the best within one standard error is chosen.")
    report.figure(
        _residuals(result), "Where corners were seen, and by how much the camera misses them, 20 times enlarged."
    )
    report.provenance(command).write(result.folder / "report.html")


def _residuals(result: "BoardCalibration") -> Figure:
    """Draw the reprojection errors over the frame, and each view's."""
    figure, ((frame, views),) = new_grid(1, 2, 9.6, 3.8)
    pixels = np.concatenate([view.pixels for view in result.views])
    offsets = 20 * result.offsets
    frame.quiver(*pixels.T, *offsets.T, color=COLOURS[0], angles="xy", scale_units="xy", scale=1, width=0.002)
    frame.set_xlim(-0.5, result.camera.width - 0.5)
    frame.set_ylim(result.camera.height - 0.5, -0.5)
    frame.set_aspect("equal")
    each = [float(np.sqrt(np.square(residuals(result.camera, view)).sum(1).mean())) for view in result.views]
    views.bar(np.arange(len(each)), each, color=COLOURS[0])
    views.set_xlabel("view", color=INK)
    views.set_ylabel("error [px]", color=INK)
    return figure
