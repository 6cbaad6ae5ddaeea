# pyright: reportMissingImports=false
"""The policy's processors in LeRobot; it normalizes by itself."""

from typing import Any

from lerobot.processor import PolicyProcessorPipeline
from lerobot.processor.factory import make_default_policy_processor_steps, make_policy_processor_pipelines

from sim2real.export.plugin.configuration_sim2real import Sim2RealConfig


def make_sim2real_pre_post_processors(
    config: Sim2RealConfig, dataset_stats: dict[str, Any] | None = None
) -> tuple[PolicyProcessorPipeline, PolicyProcessorPipeline]:
    """Return the steps that LeRobot expects of every policy, without those that normalize."""
    steps = make_default_policy_processor_steps(config, dataset_stats)
    return make_policy_processor_pipelines(
        [steps.rename_observations, steps.add_batch_dim, steps.to_device], [steps.to_cpu]
    )
