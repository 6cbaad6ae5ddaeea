"""Policies in parallel worlds, in simulation or on the rehearsal robot."""

from collections.abc import Sequence
from pathlib import Path

from policies.policy import Policy
from sim2real.evaluation.config import EvaluateConfig
from sim2real.evaluation.rehearsal import evaluate_on_rehearsal
from sim2real.evaluation.simulation import Episodes, evaluate_in_simulation
from sim2real.progress import Progress, part_of, silent
from sim2real.worlds import load_randomization, recipe_cameras


def act_side_by_side(
    config: EvaluateConfig, policies: Sequence[Policy], folders: Sequence[Path], progress: Progress = silent
) -> list[Episodes]:
    """Return the episodes of each policy, all with the same seeds.

    Args:
        config: settings with `on` "sim" or "rehearsal".
        folders: folders of the policies; in simulation each uses the camera that it was pretrained with.
        progress: called with (steps done, maximum number of steps), over all policies.
    """
    if config.on == "rehearsal":
        settings = {"preset": config.preset, "layout": config.layout, "device": config.device}
        return evaluate_on_rehearsal(policies, config.episodes, config.seed, progress, **settings)
    return [
        evaluate_in_simulation(
            policy.act,
            config.world_of(policy.config.task),
            config.episodes,
            observations=("state", policy.config.preprocessing.key),
            randomization=load_randomization(config.world_of(policy.config.task), config.randomization),
            first_seed=config.seed,
            image_size=policy.config.preprocessing.size,
            cameras=recipe_cameras(folder),
            device=config.device,
            progress=part_of(progress, k, len(policies)),
        )
        for k, (policy, folder) in enumerate(zip(policies, folders, strict=True))
    ]
