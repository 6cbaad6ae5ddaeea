"""Inputs of an adaptation: a pretrained policy, training and test recordings, simulated frames."""

from dataclasses import dataclass, replace
from pathlib import Path

from policies.policy import Policy, PolicyConfig
from sim2real.checkpoints import load_policy, policy_folder
from sim2real.errors import InputError
from sim2real.progress import Stages
from sim2real.recordings.frames import Frames
from sim2real.tracks.driving.loop import draw_episodes
from sim2real.tracks.driving.policy_driver import check_drives
from sim2real.tracks.driving.recovery import recovery_frames
from sim2real.tracks.rebuilt import RebuiltTrack, read_track
from sim2real.transfer.adapt_config import AdaptConfig
from sim2real.transfer.fitting.batches import Labelled
from sim2real.transfer.fitting.learn import Material
from sim2real.transfer.fitting.refit import joined
from sim2real.transfer.fitting.unlabelled import BATCH_SIZE
from sim2real.transfer.frames.folds import held_out
from sim2real.transfer.frames.reading import Reading, read_apart, read_images, read_interventions, read_recordings
from sim2real.transfer.frames.self_labelled import self_labelled
from sim2real.transfer.frames.simulated import SIMULATED, mirror_signs, simulated_frames, task_spec

RECOVERY = 2000  # frames from beside the line of a rebuilt track


@dataclass(frozen=True)
class Inputs:
    """Inputs of an adaptation.

    Attributes:
        folder: folder of the pretrained policy.
        material: training data.
        test: test frames; None if there are none.
        readings: statistics of reading the datasets.
        unlabelled: frames without actions to align with; None without.
        track: rebuilt track that candidates drive on; None: they do not.
    """

    folder: Path
    material: Material
    test: Frames | None
    readings: tuple[Reading, ...]
    unlabelled: Frames | None = None
    track: RebuiltTrack | None = None

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
    if spec is None and config.unlabelled is not None:
        raise InputError(f"unlabelled frames need simulated ones, but {policy.config.task!r} is not a registered task")
    learned_from, driven_on = _tracks(config, policy, folder)
    reading: tuple[Reading, ...]
    if config.test is None:
        frames, recordings = read_recordings(config.dataset, policy.config, config.smooth, stages("read recordings"))
        reading = (recordings,)
        learned, test = split(frames, config.hold_out)
    else:
        progress = stages("read recordings"), stages("read test recordings")
        (learned, test), reading = read_apart(config.dataset, config.test, policy.config, config.smooth, progress)
    if config.self_labels and learned_from is not None:
        learned = self_labelled(learned, learned_from, config.dataset, policy.config)
        reading = (replace(reading[0], skipped=learned.skipped, saturated={}), *reading[1:])
    if config.interventions is not None:
        others = [config.dataset, *([] if config.test is None else [config.test])]
        settings = config.interventions, policy.config, config.smooth, others
        theirs, interventions = read_interventions(*settings, stages("read interventions"))
        learned, reading = joined(learned, theirs), (*reading, interventions)
    unlabelled = None
    if config.unlabelled is not None:
        unlabelled, images = _unlabelled(config, policy.config, test, stages)
        reading = (*reading, images)
    simulated = None
    if spec is not None:
        simulated = simulated_frames(policy, SIMULATED, folder, progress=stages("render simulated frames"))
    beside = None
    if learned_from is not None:
        found = recovery_frames(learned_from, policy, RECOVERY, progress=stages("drive beside the line"))
        beside = Labelled(found.images, found.actions, found.state)
    signs = mirror_signs(spec, policy.config.action_names)
    return Inputs(folder, Material(policy, learned, signs, simulated, beside), test, reading, unlabelled, driven_on)


def _tracks(config: AdaptConfig, policy: Policy, folder: Path) -> tuple[RebuiltTrack | None, RebuiltTrack | None]:
    """Return the rebuilt track to learn from, and that to drive on; raises InputError for one of another car."""
    learned_from = None if config.track is None else read_track(config.track)
    driven_on = learned_from if config.drive_on is None else read_track(config.drive_on)
    for track in (learned_from, driven_on):
        if track is not None:
            check_drives(policy, folder, track)
            draw_episodes(track, 1, 0)  # says if its car is not known
            _ = track.keyframes  # or if its frames cannot be read
    return learned_from, driven_on


def split(frames: Frames, share: float) -> tuple[Frames, Frames | None]:
    """Split frames into training frames and a share of test frames; the latter is None if there is only one unit."""
    return held_out(frames, share) if len(frames.units()) > 1 else (frames, None)


def _unlabelled(
    config: AdaptConfig, policy: PolicyConfig, test: Frames | None, stages: Stages
) -> tuple[Frames, Reading]:
    """Read the frames without actions; raises InputError if too few are left apart from the test frames."""
    judged_in, progress = config.test or config.dataset, stages("read unlabelled recordings")
    frames, reading = read_images(str(config.unlabelled), judged_in, test, policy, progress)
    if len(frames) < BATCH_SIZE:
        raise InputError(
            f"{config.unlabelled} has {len(frames)} frames to align with, apart from those for testing: "
            f"at least {BATCH_SIZE} are needed; choose other recordings"
        )
    return frames, reading
