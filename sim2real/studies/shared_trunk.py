"""Shared trunk against separate networks: which networks are trained, at which rates, and how they are judged.

Arms, per width:
    separate: a network per task.
    shared: one network for all tasks; every frame has all labels. It takes as many steps on as many labelled frames as
        each separate network (equal updates), so a quarter of the frames and operations of the four together.
    mixed: the same, but each task learns from frames of its own, the very ones of its separate network, in the same
        order (equal samples per task): what is left of sharing is the trunk, without more labels per frame.
    narrow: separate networks of the width at which all four together have about the shared network's operations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from envs import make_task
from policies.policy import Policy, PolicyConfig
from sim2real.checkpoints import load_policy, policy_folder
from sim2real.progress import Progress, Stages, part_of
from sim2real.studies.driving import drive
from sim2real.studies.frames import Frames, freeze_frames
from sim2real.studies.measurements import Figures, Measurement
from sim2real.studies.networks import Judge, Network, new_policy, train_network
from sim2real.studies.part import Summary, left_out
from sim2real.studies.study_config import ALL_SEEDS, TASK, StudyConfig
from sim2real.studies.trunk_config import ALL_RATES, ALL_WIDTHS, RATES, WIDTHS
from sim2real.studies.trunk_grid import chosen_rates, final_key, make_arms, trial_key
from sim2real.studies.trunk_summary import summarize
from sim2real.training.pretrain_config import DistillationConfig, PretrainConfig
from sim2real.training.pretraining import policy_config
from sim2real.training.teacher import load_teacher, train_teacher_inside
from sim2real.training.teacher_config import TrainConfig

SHARE = 0.5  # of the worlds that a given policy drives


class SharedTrunk:
    """The part shared-trunk; see the module's description."""

    def __init__(self, config: StudyConfig, folder: Path) -> None:
        self.study, self.config, self._folder = config, config.trunk, folder
        self.widths = self.config.widths or (ALL_WIDTHS if config.full else WIDTHS)
        self.rates = self.config.rates or (ALL_RATES if config.full else RATES)
        self._base: PolicyConfig = policy_config(make_task(TASK).spec, PretrainConfig(TASK))
        self.arms = {width: make_arms(width, self._base) for width in self.widths}
        # Each once, though two arms may have it; the slowest first, so that none of them is left over at the end.
        every = {n.name: n for arms in self.arms.values() for arm in arms.values() for n in arm}
        cost = {name: n.operations(self._base) * (len(n.tasks) if n.mixed else 1) for name, n in every.items()}
        self._networks = sorted(every.values(), key=lambda n: -cost[n.name])

    def prepare(self, stages: Stages) -> None:
        """Train the teacher, if none is given, and freeze the frames."""
        settings = TrainConfig(TASK, self.study.teacher_config, evaluate=0)
        teacher = load_teacher(self.study.teacher or train_teacher_inside(self._folder, settings, stages), TASK)
        policy = self.study.policy
        student = new_policy(self._base, 0) if policy is None else load_policy(policy_folder(policy))
        driven = (teacher, student, 0.0 if policy is None else SHARE)
        sizes = {"train": self.config.frames, "validation": self.config.judged}
        frozen: dict[str, Frames] = {}
        for seed, (split, size) in enumerate(sizes.items()):
            folder = self._folder / "frames" / split
            report = stages(f"freeze frames, {split}")
            # As many steps of each world in both: networks are judged on more than the starts of episodes.
            worlds = max(self.config.worlds * size // self.config.frames, 2)
            frozen[split] = freeze_frames(folder, split, size, worlds, *driven, seed, report)
        self._frames = frozen["train"]
        # Layouts alternate: rates are chosen on half of them, networks are judged on the others.
        layout = frozen["validation"].layout
        self._chooser, self._judge = (
            Judge.of(frozen["validation"], np.flatnonzero(layout % 2 == side)) for side in (0, 1)
        )

    def measurements(self, results: Mapping[str, Figures]) -> Sequence[Measurement]:
        """Return the search of rates, and when it is done the networks at the rates that it chose."""
        networks = self._networks
        trials = [
            Measurement(trial_key(network, rate), partial(self._try, network, rate))
            for network in networks
            for rate in self.rates
        ]
        if any(each.key not in results for each in trials):
            return trials
        rates = chosen_rates(networks, self.rates, results)
        final = [
            Measurement(final_key(network, seed), partial(self._final, network, rates[network.name], seed))
            for seed in self.study.drawn
            for network in networks
        ]
        return [*trials, *final]

    def summary(self, results: Mapping[str, Figures]) -> Summary:
        """Return each arm's errors, the changes that sharing makes, the closed loop, and the verdicts."""
        operations = {
            width: {arm: self.operations(networks) for arm, networks in arms.items()}
            for width, arms in self.arms.items()
        }
        summary = summarize(self.arms, operations, self.rates, self.study.drawn, results)
        sizes = {
            "frames": len(self._frames),
            "judged": len(self._judge.index),
            "choosing": len(self._chooser.index),
            "samples": self.config.updates * self.config.batch_size,
        }
        return replace(summary, left_out=self._left_out(), figures={**summary.figures, **sizes})

    def _left_out(self) -> tuple[str, ...]:
        """Return what the whole grid has beyond this one."""
        seeds = ("seeds", self.study.drawn, ALL_SEEDS)
        return left_out(("widths", self.widths, ALL_WIDTHS), ("learning rates", self.rates, ALL_RATES), seeds)

    def _try(self, network: Network, rate: float, progress: Progress) -> Figures:
        updates = max(round(self.config.trial * self.config.updates), 1)
        policy = self._train(network, rate, updates, self.study.drawn[0], progress)
        return {"rate": rate, "updates": updates, **self._chooser.errors(policy, network.tasks)}

    def _final(self, network: Network, rate: float, seed: int, progress: Progress) -> Figures:
        drives = "steering" in network.tasks and self.config.episodes > 0
        training = part_of(progress, 0, 2) if drives else progress
        policy = self._train(network, rate, self.config.updates, seed, training)
        figures: dict[str, Any] = {"rate": rate, "seed": seed, "updates": self.config.updates}
        figures |= self._judge.errors(policy, network.tasks)
        if drives:
            figures["driven"] = drive(policy, self.config.episodes, seed, part_of(progress, 1, 2))
        return figures

    def _train(self, network: Network, rate: float, updates: int, seed: int, progress: Progress) -> Policy:
        size = self.config.batch_size
        recipe = DistillationConfig(frames=updates * size, reuse=1.0, batch_size=size, learning_rate=rate)
        return train_network(network, self._base, self._frames, recipe, seed, progress)

    def operations(self, arm: tuple[Network, ...]) -> int:
        """Return the operations of all networks of an arm for one frame."""
        return sum(network.operations(self._base) for network in arm)
