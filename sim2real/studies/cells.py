"""Where a pretrained policy is adapted to: recordings of the rehearsal car, by how near they are to what it knows.

All cells are the same drives, frame by frame: the car's operator steers by the car's pose, so that other pictures of
the same seeds have the same actions. They differ in what the policy sees:

    near: the rehearsal car's own recordings.
    sensor: another sensor, the same task: the same frames as negatives, as from a thermal camera of the other polarity.
        The difference is in the pixels alone and can be undone at the input, exactly.
    task: the same sensor, another scene: a corridor, whose walls bound the way, in place of a road with lines. Edges
        and textures are there as before, so that low stages stay useful; what the high ones look for is not there. It
        stands for another task of vision: the action is the same.
    light: a mat that mirrors lamps and windows, with daylight: another light, between near and sensor.
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from policies.policy import Policy
from sim2real.checkpoints import load_policy, policy_folder
from sim2real.collection.config import RecordConfig
from sim2real.collection.record import record
from sim2real.errors import InputError
from sim2real.progress import Stages, prefixed
from sim2real.recordings.frames import Frames
from sim2real.rehearsal.preset import PRESET
from sim2real.studies.study_config import TASK
from sim2real.studies.transfer_config import TransferConfig
from sim2real.transfer.fitting.learn import Material
from sim2real.transfer.frames.reading import read_recordings
from sim2real.transfer.frames.simulated import SIMULATED, mirror_signs, simulated_frames, task_spec

PRESETS = {"near": PRESET, "sensor": PRESET, "task": f"{PRESET}-walls", "light": f"{PRESET}-gloss"}
NEGATIVE = ("sensor",)
DESCRIPTIONS = {
    "near": "recordings of the rehearsal car, which the policy understands",
    "sensor": "the same frames as negatives, another sensor",
    "task": "the same car in a corridor, where walls bound the way instead of a road: another scene, the same action",
    "light": "the same road with mirrored lamps and daylight: another light",
}


@dataclass(frozen=True)
class Cell:
    """Recordings to adapt to.

    Attributes:
        name: near, sensor, task or light.
        material: the pretrained policy, and all frames to learn from.
        judged: frames of other sessions, which judge.
    """

    name: str
    material: Material
    judged: Frames

    def limited(self, size: int, seed: int) -> Material:
        """Return the material with `size` frames, spread evenly over all sessions from a random start."""
        frames = self.material.frames.limited(size, np.random.default_rng(seed))
        return dataclasses.replace(self.material, frames=frames)

    def sizes(self, wanted: Iterable[int]) -> tuple[int, ...]:
        """Return numbers of frames in ascending order, each once: no more than there are; 0 stands for all."""
        available = len(self.material.frames)
        return tuple(sorted({min(size or available, available) for size in wanted}))


def make_cells(
    names: Iterable[str], checkpoint: Path | str, config: TransferConfig, folder: Path, stages: Stages
) -> dict[str, Cell]:
    """Record the cells' drives, unless the folder has them, and read them as the policy sees them.

    Args:
        checkpoint: the pretrained policy.
        folder: folder of the run.

    Raises:
        InputError: the policy or the folder cannot be used.
    """
    policy = open_policy(checkpoint)
    simulated = simulated_frames(
        policy, SIMULATED, policy_folder(checkpoint), progress=stages("render simulated frames")
    )
    signs = mirror_signs(task_spec(policy.config.task), policy.config.action_names)
    cells, read = {}, dict[str, Frames]()
    for name in names:
        preset = PRESETS[name]
        if preset not in read:
            read[preset] = _recorded(folder / "recordings" / preset, preset, config, policy, stages)
        frames = _negative(read[preset]) if name in NEGATIVE else read[preset]
        learned = frames.of(frames.episodes[: config.learned])
        judged = frames.of(frames.episodes[config.learned :])
        judged = judged.select(np.arange(0, len(judged), config.every))
        cells[name] = Cell(name, Material(policy, learned, signs, simulated), judged)
    return cells


def open_policy(checkpoint: Path | str) -> Policy:
    """Return the pretrained policy.

    Raises:
        InputError: it is made for another task.
        CheckpointError: there is none, or it is damaged.
    """
    policy = load_policy(policy_folder(checkpoint))
    if policy.config.task.partition(":")[0] != TASK:
        raise InputError(f"{checkpoint} was made for {policy.config.task!r}: a study needs one for {TASK}")
    return policy


def _recorded(folder: Path, preset: str, config: TransferConfig, policy: Policy, stages: Stages) -> Frames:
    """Return all recorded frames of a preset of the rehearsal car; the first sessions are those to learn from."""
    if not folder.is_dir():
        sessions = config.learned + config.judged
        settings = RecordConfig(task=TASK, episodes=sessions, seconds=config.seconds, randomization=preset)
        record(settings, folder, prefixed(stages, preset))
    return read_recordings(str(folder), policy.config, None, stages(f"{preset}: read recordings"))[0]


def _negative(frames: Frames) -> Frames:
    return dataclasses.replace(frames, images=255 - frames.images)
