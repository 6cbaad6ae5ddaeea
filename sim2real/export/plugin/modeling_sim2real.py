# pyright: reportMissingImports=false
"""An exported policy as a policy of LeRobot."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import snapshot_download
from lerobot.configs import PreTrainedConfig
from lerobot.policies.pretrained import PreTrainedPolicy
from torch import Tensor

from sim2real.export.exported import ExportedPolicy
from sim2real.export.plugin.configuration_sim2real import Sim2RealConfig
from sim2real.export.plugin.episode import Episode, joint_boundary, lerobot_units

STATE, IMAGES = "observation.state", "observation.images."


class Sim2RealPolicy(PreTrainedPolicy):
    """Runs policy.onnx on the processor; `from_pretrained` makes it.

    Args:
        config: its settings.
        folder: a checkpoint with policy.onnx and policy.json.
    """

    config_class = Sim2RealConfig
    name = "sim2real"

    def __init__(self, config: Sim2RealConfig, folder: Path) -> None:
        super().__init__(config)
        self._policy = ExportedPolicy(folder)
        boundary = joint_boundary(self._policy)
        self._units = lerobot_units(boundary, config.use_degrees, config.calibration)
        self._key = IMAGES + self._policy.camera
        self.reset()

    @classmethod
    def from_pretrained(
        cls,
        pretrained_name_or_path: str | Path,
        *,
        config: Sim2RealConfig | None = None,
        revision: str | None = None,
        **kwargs: Any,
    ) -> "Sim2RealPolicy":
        """Load a checkpoint's folder, or a repository of the Hub; it has no model.safetensors."""
        folder = Path(pretrained_name_or_path)
        if not folder.is_dir():
            folder = Path(snapshot_download(str(pretrained_name_or_path), revision=revision))
        return cls(config or PreTrainedConfig.from_pretrained(folder), folder).eval()

    def reset(self) -> None:
        """Begin an episode."""
        self._episodes: list[Episode] = []

    @torch.no_grad()
    def select_action(self, batch: dict[str, Tensor], **kwargs: Any) -> Tensor:
        """Return joint targets (B, J) for images (B, 3, H, W) in 0…1 and joints (B, J), in the robot's units."""
        images, states = batch[self._key].cpu().numpy(), batch[STATE].cpu().numpy()
        while len(self._episodes) < len(states):
            self._episodes.append(Episode(self._policy, self._units, self.config.home))
        commands = [one.command(*seen) for one, *seen in zip(self._episodes, images, states, strict=True)]
        return torch.from_numpy(np.stack(commands))

    def predict_action_chunk(self, batch: dict[str, Tensor], **kwargs: Any) -> Tensor:
        """Return a chunk (B, 1, J) of one action."""
        return self.select_action(batch).unsqueeze(1)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict | None]:
        """Refuse: an exported policy is not trained."""
        raise NotImplementedError(
            "an exported policy cannot be trained: adapt it with `sim2real adapt`, export it again"
        )

    def get_optim_params(self) -> dict:
        """Return no parameters."""
        return {}
