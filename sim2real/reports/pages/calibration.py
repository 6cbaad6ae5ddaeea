"""The page of a camera that was calibrated from a log."""

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from sim2real.calibration.judge import Judged
from sim2real.calibration.result import Calibration
from sim2real.reports.page import Report
from sim2real.reports.plots.charts import COLOURS, FAINT, INK, new_figure
from sim2real.tracks.ground import GroundView
from sim2real.tracks.photometric.fit import begun
from sim2real.tracks.photometric.optics import Optics
from sim2real.tracks.photometric.warping import Pair, shown_at

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PARAMETERS = ("parameter", "start", "fitted", "95 % interval")
LENSES = ("freed", "held-out pairs disagree by, without", "with", "falls by", "kept")
_UNITS = {
    "focal": ("focal length", 1, "px"),
    "cx": ("centre, across", 1, "px"),
    "cy": ("centre, down", 1, "px"),
    "k1": ("distortion k1", 1, ""),
    "k2": ("distortion k2", 1, ""),
    "pitch": ("pitch, down", 180 / np.pi, "°"),
    "roll": ("roll", 180 / np.pi, "°"),
}
_STRONG = 0.9  # correlation, from where on two parameters are named as hard to tell apart
_ZOOM = 3  # pixels per cell of overlaid views


def parameter_rows(result: Calibration) -> list[list[Any]]:
    """Return rows of PARAMETERS."""
    rows = []
    for name, found in result.metrics["parameters"].items():
        title, scale, unit = _UNITS[name]
        if found["low"] is not None:
            known = f"{scale * found['low']:.4g} … {scale * found['high']:.4g}"
        else:
            known = "not told: held" if name in result.held else "held"
        values = [f"{scale * found[key]:.4g} {unit}".strip() for key in ("start", "value")]
        rows.append([title, *values, known])
    return rows


def lens_rows(result: Calibration) -> list[list[Any]]:
    """Return rows of LENSES."""
    return [
        [_UNITS[name][0], f"{each.before:.3f} px", f"{each.after:.3f} px", _share(each), name in result.intervals]
        for name, each in result.judged.items()
        if name in _UNITS
    ]


def _share(judged: Judged) -> str:
    ends = "" if judged.low is None else f" [{100 * judged.low:+.1f}, {100 * (judged.high or 0):+.1f}]"
    return f"{100 * judged.gain:+.1f} %{ends}"


def lines(result: Calibration) -> list[str]:
    """Return what the fit is worth, what cannot be told, and the camera's place, in words."""
    judged, mount, heading = result.judged["fitted"], result.metrics["mount"], result.metrics["heading"]
    units = f"{judged.units} unit{'' if judged.units == 1 else 's'}"
    said = [
        f"{judged.pairs} held-out pairs of frames ({units}) disagree by {judged.after:.2f} px, "
        f"{judged.before:.2f} px with the start: {_share(judged)} less.",
        "Height and scale cannot be told from images: the height is what was given, and the distance ahead.",
    ]
    if result.metrics["turn_scale"] is None:
        said.append(
            "No laps were seen: a car that leans in turns looks like one with another lens, and only whole turns tell "
            "them apart. Focal length and pitch are less certain than their intervals say."
        )
    if not judged.better:
        said.append(
            "That is no better than the start beyond chance: nothing here speaks for the fitted camera over it."
        )
    if result.held:
        names = ", ".join(_UNITS[name][0] for name in result.held)
        said.append(f"This log does not tell {names}: held as at the start, and the others are right only if that is.")
    strong = {pair: value for pair, value in result.metrics["correlations"].items() if abs(value) >= _STRONG}
    if strong:
        shown = "; ".join(f"{pair} ({value:+.2f})" for pair, value in strong.items())
        said.append(f"Errors go together, more than the intervals show one by one: {shown}.")
    ends = "" if heading["low"] is None else f" ({_degrees(heading['low'])} to {_degrees(heading['high'])})"
    said.append(f"The car goes {_degrees(heading['value'])}{ends} left of where the camera looks.")
    if mount["roll"]:
        said.append(f"The camera is tilted by {_degrees(mount['roll'])} to a side.")
    return said


def _degrees(angle: float) -> str:
    return f"{np.degrees(angle):.2f}°"


def options(result: Calibration) -> str:
    """Return the options by which `reconstruct` takes the camera."""
    mount = result.metrics["mount"]
    roll = f" --roll={mount['roll']:.4f}" if mount["roll"] else ""  # with =, as it may be negative
    return (
        f"--camera {result.folder / 'camera.json'} --height {mount['height']:g} --pitch {mount['pitch']:.4f}{roll} "
        f"--ahead {mount['ahead']:g}"
    )


def write_calibration_report(result: Calibration, command: str) -> None:
    """Write report.html into the run's folder.

    Args:
        command: the command line that made it.
    """
    report = Report("A camera, calibrated from a log", result.config.dataset)
    summary, *more = lines(result)
    report.text(summary, lead=True)
    for line in more:
        report.text(line)
    note = (
        f"{result.metrics['unit']['text']}; intervals by bootstrap over these. Disagreement: the shift by which "
        "frames still seem moved against each other."
    )
    report.heading("The camera").table(PARAMETERS, parameter_rows(result), note)
    report.heading("What the lens model needs")
    kept = (
        "Each parameter is kept if held-out pairs agree better with it, beyond chance. The same pairs judge the camera "
        "above, which is then fitted to all pairs: if any was kept, its figure flatters a little."
    )
    report.table(LENSES, lens_rows(result), kept)
    report.heading("Two frames, seen from above")
    k = int(np.argmax([abs(pair.motion[2]) for pair in result.found.pairs]))
    pair = result.found.pairs[k]
    report.pictures(
        [
            (
                _overlay(pair, result.start, begun([pair])[0]),
                "With the start: one frame in red, the other in green and blue.",
            ),
            (
                _overlay(pair, result.optics, result.fit.motions[k]),
                "With the fitted camera, each frame's nod and lean: where both agree, grey.",
            ),
        ]
    )
    report.figure(_frames(result), "What the fitted camera's pixels show that the start's show elsewhere, in pixels.")
    report.provenance(command, result.config.seed).write(result.folder / "report.html")


def _overlay(pair: Pair, optics: Optics, motion: np.ndarray) -> np.ndarray:
    """Return (H, W, 3) the ground as both frames show it: the second in red, the first in green and blue.

    Args:
        motion: (7,) see `warping.MOTION`.
    """
    view = GroundView(optics)
    at = np.nan_to_num(shown_at(optics, view.ground, motion), nan=-1e3).astype(np.float32)
    first, second = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (pair.first, pair.second))
    own = view.colours(np.dstack([second] * 3))[..., 0]
    other = cv2.remap(first, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    both = (own > 0) & (other > 0)
    seen = np.dstack([own, other, other]) * both[..., None].astype(np.uint8)
    big = cv2.resize(
        np.ascontiguousarray(np.flip(seen, (0, 1))), None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_NEAREST
    )
    return big


def _frames(result: Calibration) -> "Figure":
    """Draw, over the frame, where the start would see the ground that the fitted camera's pixels show."""
    figure, axes = new_figure(7.2, 4.6)
    camera = result.optics.camera
    u, v = np.meshgrid(np.linspace(4, camera.width - 5, 14), np.linspace(4, camera.height - 5, 11))
    pixels = np.stack([u.ravel(), v.ravel()], -1)
    ground = result.optics.on_ground(pixels)
    near = np.nan_to_num(ground[:, 0], nan=1e3) < 3
    moved = result.start.pixels(ground[near]) - pixels[near]
    axes.plot(*pixels.T, ".", color=FAINT, markersize=2)
    axes.quiver(*pixels[near].T, *moved.T, color=COLOURS[0], angles="xy", scale_units="xy", scale=1, width=0.003)
    axes.set_xlim(-0.5, camera.width - 0.5)
    axes.set_ylim(camera.height - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.set_xlabel("x [px]", color=INK)
    axes.set_ylabel("y [px]", color=INK)
    return figure
