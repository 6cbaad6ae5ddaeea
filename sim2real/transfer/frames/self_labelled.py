"""Recorded frames whose labels are of the track that was rebuilt from them, not of their driver."""

from dataclasses import replace

import numpy as np

from policies.policy import PolicyConfig
from sim2real.errors import InputError
from sim2real.recordings.frames import Frames
from sim2real.tracks.driving.policy_driver import COMMANDS
from sim2real.tracks.driving.self_labels import self_labels
from sim2real.tracks.rebuilt import RebuiltTrack

_COMPARED, _ALIKE = 20, 10.0  # keyframes, and grey levels that their compression may change


def self_labelled(frames: Frames, track: RebuiltTrack, dataset: str, config: PolicyConfig) -> Frames:
    """Return the frames that have a place beside the line, with pursuit as their steering; other actions are NaN.

    Raises:
        InputError: the track was not rebuilt from these recordings, or as `self_labels`.
    """
    if not _of(track, frames, config):
        raise InputError(f"{track.folder} was not rebuilt from {dataset}: choose the recordings of --track")
    steering = self_labels(track, frames.episode, frames.row)
    actions = np.full_like(frames.actions, np.nan)
    actions[:, config.action_names.index(COMMANDS[0])] = steering
    known = np.isfinite(steering)
    skipped = {**frames.skipped, "no place beside the line": int((~known).sum())}
    return replace(frames, actions=actions, smoothing=0.0, saturated=None, skipped=skipped).select(known)


def _of(track: RebuiltTrack, frames: Frames, config: PolicyConfig) -> bool:
    """Return whether keyframes of the track look like the recorded frames with their numbers."""
    number = {pair: k for k, pair in enumerate(zip(frames.episode.tolist(), frames.row.tolist(), strict=True))}
    keys = track.keyframes
    pairs = zip(keys.episode.tolist(), keys.frame.tolist(), strict=True)
    both = [(key, number[pair]) for key, pair in enumerate(pairs) if pair in number]
    differences = [
        np.abs(config.preprocessing(keys.image(key)).astype(int) - frames.images[k]).mean()
        for key, k in both[:: max(len(both) // _COMPARED, 1)]
    ]
    return bool(differences) and float(np.median(differences)) < _ALIKE
