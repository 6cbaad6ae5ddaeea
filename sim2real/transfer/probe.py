"""Shift between recordings and simulation for a pretrained policy: the function behind `sim2real probe`."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim2real.checkpoints import load_policy, policy_folder
from sim2real.evaluation.offline import plain
from sim2real.progress import Stages, no_stages
from sim2real.recordings.frames import Frames
from sim2real.runs import start_run
from sim2real.transfer.fitting.batches import Simulated
from sim2real.transfer.frames.reading import Reading, read_recordings
from sim2real.transfer.frames.simulated import simulated_frames
from sim2real.transfer.probe_config import ProbeConfig
from sim2real.transfer.shift import DomainShift, measure_shift


@dataclass(frozen=True)
class ProbeResult:
    """Result of a probe.

    Attributes:
        folder: folder of the run: `metrics.json`.
        config: its settings.
        frames: recorded frames.
        reading: statistics of reading the dataset.
        simulated: simulated frames for comparison.
        shift: how the two differ, and the recommended plan.
        metrics: content of `metrics.json`.
    """

    folder: Path
    config: ProbeConfig
    frames: Frames
    reading: Reading
    simulated: Simulated
    shift: DomainShift
    metrics: dict[str, Any]


def probe(config: ProbeConfig, out: Path | None = None, stages: Stages = no_stages) -> ProbeResult:
    """Compare recordings with simulated frames in a policy's features, without training; recommend a plan.

    Args:
        out: folder of the run; None: a new one under runs/.

    Raises:
        InputError: settings, policy, recordings or folder cannot be used; no files are left behind.
    """
    folder = policy_folder(config.checkpoint)
    policy = load_policy(folder)
    frames, reading = read_recordings(config.dataset, policy.config, config.smooth, stages("read recordings"))
    simulated = simulated_frames(policy, config.simulated, folder, progress=stages("render simulated frames"))
    shift = measure_shift(policy, frames, simulated)
    run, _ = start_run("probe", config, out, resume=False)
    figures = dataclasses.asdict(shift) | {"zero_shot": plain(shift.zero_shot), "smoothing": frames.smoothing}
    run.write_metrics({"finished": True, **figures, "unit": frames.units().describe()})
    return ProbeResult(run.folder, config, frames, reading, simulated, shift, run.metrics)
