"""Sessions of evaluated episodes on a robot: their order, drawn before the first, and what became of each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.checkpoints import read_config
from sim2real.errors import CheckpointError, InputError
from sim2real.evaluation.simulation import Episodes
from sim2real.files import read_versioned_json, write_json
from sim2real.robots.loop import ABORTED, SUCCESS

FILE = "session.json"
FORMAT_VERSION = 1
IN_TIME = 0.9  # share of its rate at which a loop must have run for the episode to count


@dataclass(frozen=True)
class Session:
    """The episodes of a session, in the order in which they are driven.

    Attributes:
        order: seed and policy's index of each episode; all policies drive a seed's scene in turn, in random order.
        checkpoints: name of each policy's folder.
        weights: SHA-256 of each policy's weights, in hex.
    """

    order: tuple[tuple[int, int], ...]
    checkpoints: tuple[str, ...]
    weights: tuple[str, ...]

    @classmethod
    def draw(
        cls, folders: Sequence[Path], first_seed: int, episodes: int, random: np.random.Generator | None = None
    ) -> "Session":
        """Draw the order of a session; raises CheckpointError.

        Args:
            random: source of the order; None: a new one. A person who saw one page must not know the next order.
        """
        random = random or np.random.default_rng()
        seeds = range(first_seed, first_seed + episodes)
        order = tuple((seed, int(policy)) for seed in seeds for policy in random.permutation(len(folders)))
        weights = tuple(str(read_config(folder)["weights"]["sha256"]) for folder in folders)
        return cls(order, tuple(str(folder) for folder in folders), weights)

    def write(self, run: Path) -> None:
        """Write the session to a run's folder."""
        checkpoints = [{"folder": a, "sha256": b} for a, b in zip(self.checkpoints, self.weights, strict=True)]
        content = {"order": [list(slot) for slot in self.order], "checkpoints": checkpoints}
        write_json(run / FILE, {"format_version": FORMAT_VERSION, **content})

    @classmethod
    def read(cls, run: Path) -> "Session":
        """Read the session of a run; raises CheckpointError if there is none or it is damaged."""
        content = read_versioned_json(run / FILE, FORMAT_VERSION, CheckpointError)
        try:
            order = tuple((int(seed), int(policy)) for seed, policy in content["order"])
            entries = [(str(entry["folder"]), str(entry["sha256"])) for entry in content["checkpoints"]]
        except (KeyError, TypeError, ValueError):
            raise CheckpointError(f"{run / FILE} is damaged: it does not tell order and checkpoints") from None
        return cls(order, tuple(name for name, _ in entries), tuple(digest for _, digest in entries))

    def resumed_with(self, folders: Sequence[Path]) -> "Session":
        """Return the session; raises InputError if a policy's weights are not those that it was started with."""
        for folder, digest in zip(folders, self.weights, strict=True):
            if read_config(folder)["weights"]["sha256"] != digest:
                raise InputError(f"{folder} has other weights than when the session was started: start a new one")
        return self


@dataclass(frozen=True)
class Trial:
    """An episode of a session.

    Attributes:
        place: index of the episode in the session's order.
        seed: seed of its scene.
        policy: index of the policy.
        valid: whether the loop ran at 90 % of its rate or more; else the episode counts neither way.
        failed: whether the task ended it early.
        reward: sum of rewards; NaN without rewards.
        interrupted: whether Ctrl-C ended it; resumed, the session drives it again.
        loop: the loop's summary (`sim2real.robots.loop.Trace`), with the label.
        file: index of the saved episode in the run's dataset; None: not saved.
    """

    place: int
    seed: int
    policy: int
    valid: bool
    failed: bool
    reward: float
    interrupted: bool
    loop: dict[str, Any]
    file: int | None = None

    @property
    def label(self) -> str:
        """Return "success", "failure" or "aborted"."""
        return str(self.loop["label"])

    def outcome(self, session: Session) -> dict[str, Any]:
        """Return what is saved with the episode."""
        known = {"checkpoint": session.checkpoints[self.policy], "sha256": session.weights[self.policy]}
        kept = {"order": self.place, "seed": self.seed, "policy": self.policy, "valid": self.valid}
        ended = {"failed": self.failed, "return": self.reward, "interrupted": self.interrupted, "loop": self.loop}
        return {**kept, "label": self.label, "reason": self.loop.get("reason", ""), **known, **ended}

    @classmethod
    def of_outcome(cls, outcome: dict[str, Any], file: int) -> "Trial":
        """Return the trial of a saved episode; raises KeyError if it is none."""
        reward = math.nan if outcome["return"] is None else float(outcome["return"])
        place, valid, failed = outcome["order"], outcome["valid"], outcome["failed"]
        told = valid, failed, reward, outcome["interrupted"], outcome["loop"]
        return cls(place, outcome["seed"], outcome["policy"], *told, file)


def in_time(rate: float | None, control_dt: float) -> bool:
    """Return whether a loop of this mean rate [Hz] counts; None: it has no rate."""
    return rate is not None and rate >= IN_TIME / control_dt


def episodes_of(trials: Sequence[Trial], policy: int) -> Episodes:
    """Return the results of one policy, in the order of their seeds; who needed a person's hand did not succeed."""
    own = sorted((trial for trial in trials if trial.policy == policy), key=lambda trial: trial.seed)
    labels = np.array([trial.label for trial in own], object)
    completed = labels != ABORTED
    return Episodes(
        np.array([trial.seed for trial in own], int),
        np.array([trial.label == SUCCESS and not trial.loop.get("interventions") for trial in own], bool),
        completed & np.array([trial.failed for trial in own], bool),
        np.array([trial.loop["steps"] for trial in own], int),
        np.where(completed, np.array([trial.reward for trial in own], float), math.nan),
        ~completed,
        tuple(
            {**trial.loop, "policy": policy, "order": trial.place, "valid": trial.valid, "file": trial.file}
            for trial in own
        ),
        completed & ~np.array([trial.valid for trial in own], bool),
    )
