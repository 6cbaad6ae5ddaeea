"""Pairs of frames to calibrate a camera with, and the camera that they were found with: each tells the other."""

from dataclasses import dataclass, replace

import numpy as np

from sim2real.calibration.config import CameraConfig
from sim2real.calibration.judge import clearest
from sim2real.calibration.pairs import Clips, Found
from sim2real.calibration.turns import scale_of_turns
from sim2real.datasets import EpisodeDataset
from sim2real.progress import Stages
from sim2real.tracks.photometric.fit import COARSE, fit
from sim2real.tracks.photometric.optics import PARAMETERS, Optics
from sim2real.tracks.photometric.softness import softness

MORE = 1.5  # times as many pairs are found as are used: the clearest ones
FEW = 60  # pairs that find the camera coarsely
ALWAYS = ("focal", "cx", "cy", "k1", "pitch")


@dataclass(frozen=True)
class Paired:
    """What a fit begins with.

    Attributes:
        found: the pairs.
        wide: the start, with the frames' blur.
        near: the camera so far.
        turns: scale of its odometry's turns by which laps are whole turns; None: no laps are seen.
    """

    found: Found
    wide: Optics
    near: Optics
    turns: float | None


def paired_frames(dataset: EpisodeDataset, wide: Optics, config: CameraConfig, stages: Stages) -> Paired:
    """Find pairs of frames and fit a camera to them, in rounds.

    Args:
        wide: where the fit starts.

    Raises:
        InputError: the log shows too few pairs, or the camera does not fit its frames.
    """
    clips = Clips(dataset, wide)
    first = clips.pairs(wide, min(FEW, config.pairs), progress=stages("find pairs of frames"))
    coarse = fit(first.pairs, wide, free_of((*ALWAYS, "roll")), blurs=COARSE, progress=stages("fit coarsely"))
    result, free = Paired(first, wide, coarse.optics, None), free_of(ALWAYS)
    for k in range(1, config.rounds + 1):
        near, of = result.near, f"(round {k} of {config.rounds})"
        turns = scale_of_turns(dataset, near, stages(f"find laps {of}"))
        found = clips.pairs(near, round(MORE * config.pairs), turns, stages(f"find pairs {of}"))
        found = clearest(found, near, config.pairs, stages(f"choose the clearest {of}"))
        few = found.pairs[:: max(len(found.pairs) // FEW, 1)]
        wide = replace(wide, soft=softness(few, near, stages(f"measure the blur {of}")))
        done = fit(found.pairs, wide, free, begin=kept(near, wide, free), progress=stages(f"fit {of}"))
        result = Paired(found, wide, done.optics, turns)
    return result


def free_of(names: tuple[str, ...]) -> np.ndarray:
    """Return (7,) bool, which of PARAMETERS have these names."""
    return np.array([name in names for name in PARAMETERS])


def kept(optics: Optics, start: Optics, free: np.ndarray) -> Optics:
    """Return a camera whose parameters that are not free are those of the start."""
    return replace(optics.moved(np.where(free, 0.0, start.values() - optics.values())), soft=start.soft)
