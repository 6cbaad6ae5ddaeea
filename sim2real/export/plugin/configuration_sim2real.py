# pyright: reportMissingImports=false
"""The policy's settings in LeRobot."""

from dataclasses import dataclass

from lerobot.configs import PreTrainedConfig


@PreTrainedConfig.register_subclass("sim2real")
@dataclass
class Sim2RealConfig(PreTrainedConfig):
    """Settings of an exported policy.

    Attributes:
        action_feature_names: names of the actions, in order.
        use_degrees: whether the robot's joints are in degrees, as its own `use_degrees`; otherwise in -100…100.
        home: whether an episode begins with a slow move to the pose in which those of training began.
        calibration: LeRobot's calibration file of the arm, or the id that LeRobot keeps it by; for -100…100 only.
    """

    action_feature_names: list[str] | None = None
    use_degrees: bool = True
    home: bool = True
    calibration: str | None = None

    @property
    def observation_delta_indices(self) -> None:
        return None

    @property
    def action_delta_indices(self) -> None:
        return None

    @property
    def reward_delta_indices(self) -> None:
        return None

    def validate_features(self) -> None:
        """Accept all: the exported policy knows its own."""

    def get_optimizer_preset(self) -> None:
        """Return none: an exported policy is not trained."""

    def get_scheduler_preset(self) -> None:
        """Return none: an exported policy is not trained."""
