"""What a camera's calibration from a log found."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.calibration.config import CameraConfig
from sim2real.calibration.judge import Judged
from sim2real.calibration.pairs import Found
from sim2real.calibration.uncertainty import Interval, correlations, heading
from sim2real.tracks.photometric.fit import Fit
from sim2real.tracks.photometric.optics import PARAMETERS, Optics


@dataclass(frozen=True)
class Calibration:
    """A camera, calibrated from a log.

    Attributes:
        config: settings.
        folder: folder of the run, with camera.json.
        start, optics: the camera before and after.
        found: the pairs of frames.
        fit: the fit to all of them.
        intervals: 95 % intervals by parameter, of those that were fitted.
        correlations: (7, 7) of the errors of parameters; 0 where they were held.
        held: parameters that the log does not tell: they stay as they were at the start.
        judged: by candidate, held-out pairs before and after.
        metrics: content of `metrics.json`.
    """

    config: CameraConfig
    folder: Path
    start: Optics
    optics: Optics
    found: Found
    fit: Fit
    intervals: Mapping[str, Interval]
    correlations: np.ndarray
    held: tuple[str, ...]
    judged: Mapping[str, Judged]
    metrics: Mapping[str, Any]


def figures(
    config: CameraConfig,
    found: Found,
    start: Optics,
    final: Fit,
    ends: Mapping[str, Interval],
    held: tuple[str, ...],
    judged: Mapping[str, Judged],
) -> dict[str, Any]:
    """Return the figures of a calibration."""
    before, after = (dict(zip(PARAMETERS, each.values().tolist(), strict=True)) for each in (start, final.optics))
    fitted = {
        name: {"start": _shown(name, before[name]), **{key: _shown(name, v) for key, v in asdict(ends[name]).items()}}
        if name in ends
        else {"start": _shown(name, before[name]), "value": _shown(name, after[name]), "low": None, "high": None}
        for name in PARAMETERS
    }
    about = correlations(final, found)
    return {
        "finished": True,
        "pairs": len(found.pairs),
        "unit": found.units.describe(),
        "parameters": fitted,
        "fitted": [name for name in PARAMETERS if name in ends],
        "not_told": list(held),
        "mount": {"height": config.height, "pitch": after["pitch"], "roll": after["roll"], "ahead": config.ahead},
        "heading": asdict(heading(final, found)),
        "correlations": {
            f"{a}, {b}": float(about[i, j])
            for i, a in enumerate(PARAMETERS)
            for j, b in enumerate(PARAMETERS[:i])
            if a in ends and b in ends
        },
        "heldout": {name: asdict(each) for name, each in judged.items()},
    }


def _shown(name: str, value: float | None) -> float | None:
    """Return a value as people read it: the focal length in px, not its log."""
    return float(np.exp(value)) if name == "focal" and value is not None else value
