# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""Origin of a dataset recorded in simulation: `meta/simulation.json`."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from envs import Randomization
from sim2real.datasets import DatasetError
from sim2real.datasets.checksums import verified
from sim2real.datasets.files import read_meta

FORMAT = 1
INFO = "meta/simulation.json"
STATE, ACTION = "sim.state", "sim.action"  # columns in addition to those of a robot's recording


@dataclass(frozen=True)
class Origin:
    """Content of `meta/simulation.json`.

    Attributes:
        task, split, randomization, by: as in `SimulatedRecording`.
        mujoco: version of MuJoCo.
        model: SHA-256 of the compiled model.
        seeds: seed per episode.
        success: success per episode.
        drawn: values drawn by the randomization, per episode.
    """

    task: str
    split: str
    randomization: Randomization
    by: str
    mujoco: str
    model: str
    seeds: tuple[int, ...] = ()
    success: tuple[bool, ...] = ()
    drawn: tuple[dict[str, float], ...] = field(default=(), repr=False)

    @classmethod
    def read(cls, root: Path) -> "Origin | None":
        """Read a dataset's origin; None if it was not recorded in simulation. Raises DatasetError if it is damaged."""
        if not (root / INFO).is_file():
            return None
        content = read_meta(verified(root, root / INFO))
        if content.get("format_version") != FORMAT:
            raise DatasetError(
                f"{root / INFO} is of version {content.get('format_version')}, this program reads {FORMAT}"
            )
        try:
            varied = content["randomization"]
            episodes = content["episodes"]
            return cls(
                *(content[name] for name in ("task", "split")),
                Randomization.from_dict({"vary": varied["vary"]}, varied["name"]),
                *(content[name] for name in ("by", "mujoco", "model_sha256")),
                tuple(int(episode["seed"]) for episode in episodes),
                tuple(bool(episode["success"]) for episode in episodes),
                tuple(episode["drawn"] for episode in episodes),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError(f"{root / INFO} is damaged: {error!r}") from None

    def plain(self) -> dict[str, Any]:
        """Return the content for JSON."""
        rows = zip(self.seeds, self.success, self.drawn, strict=True)
        return {
            "format_version": FORMAT,
            "task": self.task,
            "split": self.split,
            "randomization": self.randomization.to_dict(),
            "by": self.by,
            "mujoco": self.mujoco,
            "model_sha256": self.model,
            "state": "mjSTATE_INTEGRATION, before the frame's action",
            "episodes": [{"seed": seed, "success": success, "drawn": drawn} for seed, success, drawn in rows],
        }


def model_hash(model: mujoco.MjModel) -> str:
    """Return the SHA-256 of a compiled model."""
    content = np.zeros(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, content)
    return hashlib.sha256(content.tobytes()).hexdigest()
