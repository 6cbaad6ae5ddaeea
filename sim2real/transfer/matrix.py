"""Where adapting helps: policies × recordings × numbers of frames, behind `sim2real matrix`."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.checkpoints import load_policy, policy_folder
from sim2real.datasets import EpisodeDataset
from sim2real.errors import InputError
from sim2real.models import short_name
from sim2real.progress import Stages, no_stages, prefixed
from sim2real.runs import Run, start_run
from sim2real.statistics.agreement import Estimate
from sim2real.transfer.adapt import adapt
from sim2real.transfer.frames.simulated import task_spec
from sim2real.transfer.inputs import Inputs, read_inputs
from sim2real.transfer.matrix_config import MatrixConfig


@dataclass(frozen=True)
class Cell:
    """One policy, adapted to one number of frames of one recording.

    Attributes:
        policy, recording: names as in the settings.
        frames: number learned from.
        metric: name of the error that is compared.
        errors: candidate -> error on the test frames, of the policy that it would hand out.
        correlation: candidate -> correlation on the test frames.
        chosen: candidate that `auto` chose on the learning frames, before any test frame was seen.
        output: candidate that the gate handed out after the test.
        unit: independent units of the test, in words.
    """

    policy: str
    recording: str
    frames: int
    metric: str
    errors: Mapping[str, Estimate]
    correlation: Mapping[str, Estimate]
    chosen: str
    output: str
    unit: str

    @property
    def best(self) -> str:
        """Return the candidate with the smallest error in hindsight."""
        return min(self.errors, key=lambda name: self.errors[name].value)

    @property
    def regret(self) -> float:
        """Return by what share the chosen candidate's error exceeds that of the best one in hindsight."""
        return self.errors[self.chosen].value / self.errors[self.best].value - 1

    @property
    def output_regret(self) -> float:
        """Return the same of what the gate handed out; it has seen the test frames."""
        return self.errors[self.output].value / self.errors[self.best].value - 1

    @property
    def blind(self) -> bool:
        """Return whether the chosen candidate may see nothing, while another one clearly sees.

        Its correlation's interval includes 0, while another's lies above 0.5.
        """
        own = self.correlation[self.chosen]
        nothing = own.value is None or own.low is None or own.low <= 0
        return nothing and any((each.low or 0) > 0.5 for each in self.correlation.values())


@dataclass(frozen=True)
class Matrix:
    """A finished matrix.

    Attributes:
        folder: folder of the run: `metrics.json`, and a folder for each cell.
        config: its settings.
        cells: by policy, recording and number of frames.
        metrics: content of `metrics.json`.
    """

    folder: Path
    config: MatrixConfig
    cells: tuple[Cell, ...]
    metrics: dict[str, Any]

    def frames_of_scratch(self, cell: Cell) -> float | None:
        """Return the frames with which training from scratch would reach the chosen candidate's error.

        Interpolated between the numbers of frames that were tried on the recording (error against the logarithm of
        the number); infinite if scratch never reached it, None if scratch was already better with the fewest.
        """
        row = [each for each in self.cells if (each.policy, each.recording) == (cell.policy, cell.recording)]
        counts, errors = np.log([each.frames for each in row]), [each.errors["scratch"].value for each in row]
        wanted = cell.errors[cell.chosen].value
        reached = np.flatnonzero(np.array(errors) <= wanted)
        if len(reached) == 0:
            return math.inf
        k = int(reached[0])
        if k == 0:
            return None
        share = (errors[k - 1] - wanted) / max(errors[k - 1] - errors[k], 1e-12)
        return float(np.exp(counts[k - 1] + share * (counts[k] - counts[k - 1])))


def matrix(config: MatrixConfig, out: Path | None = None, resume: bool = False, stages: Stages = no_stages) -> Matrix:
    """Adapt every policy to every recording with every number of frames, by `auto` and by every plan it may choose.

    Args:
        out: folder of the run; None: a new one under runs/.
        resume: resume an interrupted run, with the settings that it was started with.

    Raises:
        InputError: settings, policies, recordings or folder cannot be used.
    """
    _check(config)
    run, config = start_run("matrix", config, out, resume)
    cells = tuple(_cells(config, run.folder, stages))
    regrets, outputs = [cell.regret for cell in cells], [cell.output_regret for cell in cells]
    summary = {"mean_regret": float(np.mean(regrets)), "worst_regret": max(regrets)}
    summary |= {"mean_output_regret": float(np.mean(outputs)), "worst_output_regret": max(outputs)}
    blind = [f"{cell.policy}, {cell.recording}, {cell.frames}" for cell in cells if cell.blind]
    run.write_metrics({"finished": True, **summary, "blind": blind, "cells": [_plain(cell) for cell in cells]})
    return Matrix(run.folder, config, cells, run.metrics)


def _check(config: MatrixConfig) -> None:
    """Open every policy and recording, so that a wrong path fails before an hour of fitting, and leaves no folder."""
    for path in config.policies:
        policy = load_policy(policy_folder(path)).config
        if task_spec(policy.task) is None:
            raise InputError(f"{path}: auto needs simulated frames, but {policy.task!r} is not a registered task")
        for recording in config.recordings:
            for dataset in recording.split(","):
                EpisodeDataset.open(dataset).camera(policy.preprocessing.camera)


def _cells(config: MatrixConfig, folder: Path, stages: Stages) -> Iterator[Cell]:
    """Yield the cells; those of an earlier start are read, others are fitted."""
    for p, policy in enumerate(config.policies):
        for r, recording in enumerate(config.recordings):
            inputs: Inputs | None = None
            counted: set[int] = set()
            for size in config.sizes:
                settings = config.adaptation(policy, recording, size)
                place = folder / "cells" / f"{p}-{r}-{size or 'all'}"
                part = prefixed(
                    stages, f"{short_name(policy)}, {Path(settings.dataset).name}, {size or 'all'} frames: "
                )
                if not Run(place, True).finished:
                    inputs = inputs or read_inputs(settings, part)
                    if inputs.test is None:
                        raise InputError(f"{recording}: nothing can be held out for testing; add a dataset: LEARN,TEST")
                    if size and None in config.sizes and size >= len(inputs.material.frames):
                        continue  # the same as all
                    adapt(settings, place, (place / "config.json").is_file(), part, inputs)
                cell = _cell(str(policy), recording, Run(place, True).metrics)
                if cell.frames not in counted:  # a short recording has no more than all of its frames
                    yield cell
                counted.add(cell.frames)


def _cell(policy: str, recording: str, metrics: Mapping[str, Any]) -> Cell:
    """Make a cell of the metrics of its adaptation."""
    figures, metric = metrics["candidates"], metrics["criterion"]
    return Cell(
        policy=policy,
        recording=recording,
        frames=metrics["frames"],
        metric=metric,
        errors={name: Estimate(**figure["test"][metric]) for name, figure in figures.items()},
        correlation={name: Estimate(**figure["test"]["correlation"]) for name, figure in figures.items()},
        chosen=metrics["auto"]["candidate"],
        output=metrics["output"],
        unit=metrics["unit"]["text"],
    )


def _plain(cell: Cell) -> dict[str, Any]:
    return {
        **dataclasses.asdict(cell),
        "best": cell.best,
        "regret": cell.regret,
        "blind": cell.blind,
        "output_regret": cell.output_regret,
    }
