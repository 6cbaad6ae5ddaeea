"""Transfer of vision policies from simulation to real cameras and robots, with a package for each step.

Each command is also a function here, with the same settings: `pretrain(PretrainConfig("LaneFollow"), out)`. The names
below are imported when they are first used, so that reading a run's JSON needs no torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

from sim2real.errors import InputError

if TYPE_CHECKING:
    from sim2real.checkpoints import load_policy, save_policy
    from sim2real.collection.config import RecordConfig
    from sim2real.collection.record import record
    from sim2real.datasets.import_config import ImportConfig
    from sim2real.datasets.importing import import_dataset
    from sim2real.datasets.inspection import inspect_dataset
    from sim2real.evaluation.config import EvaluateConfig
    from sim2real.evaluation.evaluate import evaluate
    from sim2real.export.config import ExportConfig
    from sim2real.export.export import export_policy
    from sim2real.export.exported import ExportedPolicy
    from sim2real.identification.config import IdentifyConfig
    from sim2real.identification.identify import identify
    from sim2real.replays.config import ReplayConfig
    from sim2real.replays.replay import replay
    from sim2real.tracks.rebuilding.reconstruct import reconstruct
    from sim2real.tracks.rebuilding.reconstruct_config import ReconstructConfig
    from sim2real.training.pretrain import pretrain
    from sim2real.training.pretrain_config import DistillationConfig, PretrainConfig
    from sim2real.training.teacher_config import TeacherConfig, TrainConfig
    from sim2real.training.train import train
    from sim2real.transfer.adapt import adapt
    from sim2real.transfer.adapt_config import AdaptConfig, Overrides
    from sim2real.transfer.ladder import ladder
    from sim2real.transfer.ladder_config import LadderConfig
    from sim2real.transfer.matrix import matrix
    from sim2real.transfer.matrix_config import MatrixConfig
    from sim2real.transfer.probe import probe
    from sim2real.transfer.probe_config import ProbeConfig

__all__ = [
    "AdaptConfig",
    "DistillationConfig",
    "EvaluateConfig",
    "ExportConfig",
    "ExportedPolicy",
    "IdentifyConfig",
    "ImportConfig",
    "InputError",
    "LadderConfig",
    "MatrixConfig",
    "Overrides",
    "PretrainConfig",
    "ProbeConfig",
    "ReconstructConfig",
    "RecordConfig",
    "ReplayConfig",
    "TeacherConfig",
    "TrainConfig",
    "adapt",
    "evaluate",
    "export_policy",
    "identify",
    "import_dataset",
    "inspect_dataset",
    "ladder",
    "load_policy",
    "matrix",
    "pretrain",
    "probe",
    "reconstruct",
    "record",
    "replay",
    "save_policy",
    "train",
]

_HOMES = {
    "checkpoints": ("load_policy", "save_policy"),
    "collection.config": ("RecordConfig",),
    "collection.record": ("record",),
    "datasets.import_config": ("ImportConfig",),
    "datasets.importing": ("import_dataset",),
    "datasets.inspection": ("inspect_dataset",),
    "evaluation.config": ("EvaluateConfig",),
    "evaluation.evaluate": ("evaluate",),
    "export.config": ("ExportConfig",),
    "export.export": ("export_policy",),
    "export.exported": ("ExportedPolicy",),
    "identification.config": ("IdentifyConfig",),
    "identification.identify": ("identify",),
    "replays.config": ("ReplayConfig",),
    "replays.replay": ("replay",),
    "tracks.rebuilding.reconstruct": ("reconstruct",),
    "tracks.rebuilding.reconstruct_config": ("ReconstructConfig",),
    "training.pretrain": ("pretrain",),
    "training.pretrain_config": ("DistillationConfig", "PretrainConfig"),
    "training.teacher_config": ("TeacherConfig", "TrainConfig"),
    "training.train": ("train",),
    "transfer.adapt": ("adapt",),
    "transfer.adapt_config": ("AdaptConfig", "Overrides"),
    "transfer.ladder": ("ladder",),
    "transfer.ladder_config": ("LadderConfig",),
    "transfer.matrix": ("matrix",),
    "transfer.matrix_config": ("MatrixConfig",),
    "transfer.probe": ("probe",),
    "transfer.probe_config": ("ProbeConfig",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"sim2real.{home}"), name)
    raise AttributeError(f"module 'sim2real' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})  # for completion in a notebook
