"""Inputs of an adaptation: a pretrained policy, training and test recordings, simulated frames."""

from dataclasses import dataclass
from pathlib import Path

from sim2real.checkpoints import load_policy, policy_folder
from sim2real.errors import InputError
from sim2real.progress import Stages
from sim2real.recordings.frames import Frames
from sim2real.transfer.adapt_config import AdaptConfig
from sim2real.transfer.fitting.learn import Material
from sim2real.transfer.frames.folds import held_out
from sim2real.transfer.frames.reading import Reading, read_apart, read_recordings
from sim2real.transfer.frames.simulated import SIMULATED, mirror_signs, simulated_frames, task_spec


@dataclass(frozen=True)
class Inputs:
    """Inputs of an adaptation.

    Attributes:
        folder: folder of the pretrained policy.
        material: training data.
        test: test frames; None if there are none.
        readings: statistics of reading the datasets.
    """

    folder: Path
    material: Material
    test: Frames | None
    readings: tuple[Reading, ...]

    @property
    def saturated(self) -> dict[str, dict[str, int]]:
        """Return the number of training and test frames by action whose label exceeds the policy's range."""
        names = self.material.policy.config.action_names
        parts = {"frames": self.material.frames, "test_frames": self.test}
        return {name: frames.saturation(names) for name, frames in parts.items() if frames is not None}


def read_inputs(config: AdaptConfig, stages: Stages) -> Inputs:
    """Read all inputs; raises InputError, DatasetError or CheckpointError if they cannot be used."""
    folder = policy_folder(config.checkpoint)
    policy = load_policy(folder)
    spec = task_spec(policy.config.task)
    if spec is None and config.overrides.cotrain:
        raise InputError(f"cotrain needs simulated frames, but {policy.config.task!r} is not a registered task")
    reading: tuple[Reading, ...]
    if config.test is None:
        frames, recordings = read_recordings(config.dataset, policy.config, config.smooth, stages("read recordings"))
        reading = (recordings,)
        learned, test = split(frames, config.hold_out)
    else:
        progress = stages("read recordings"), stages("read test recordings")
        (learned, test), reading = read_apart(config.dataset, config.test, policy.config, config.smooth, progress)
    simulated = None
    if spec is not None:
        simulated = simulated_frames(policy, SIMULATED, folder, progress=stages("render simulated frames"))
    signs = mirror_signs(spec, policy.config.action_names)
    return Inputs(folder, Material(policy, learned, signs, simulated), test, reading)


def split(frames: Frames, share: float) -> tuple[Frames, Frames | None]:
    """Split frames into training frames and a share of test frames; the latter is None if there is only one unit."""
    return held_out(frames, share) if len(frames.units()) > 1 else (frames, None)
