# pyright: reportAttributeAccessIssue=false
"""Small recordings of a simulated arm whose actions and states are known, and policies of arms that never learned."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from envs import BatchEnv, make_task
from policies.encoder import EncoderConfig
from policies.heads import HeadsConfig
from policies.policy import PolicyConfig
from policies.preprocessing import Preprocessing
from sim2real.datasets import EncodedImage, EpisodeWriter, Feature, camera_feature, images
from sim2real.rehearsal.robot import boundary_of
from sim2real.robots.boundary import Boundary

SIZE = (64, 64)
Size = tuple[int, int]


def arm_config(task: str = "Reach", with_state: bool = True) -> PolicyConfig:
    """Of a small policy for an arm's task, that is told the state or looks at images alone."""
    spec = make_task(task).spec
    view = spec.cameras["front"]
    return PolicyConfig(
        encoder=EncoderConfig(size=SIZE, width=4),
        heads=HeadsConfig(state=len(spec.state_names) if with_state else 0, reduced=8, hidden=16),
        preprocessing=Preprocessing("front", (view.camera.width, view.camera.height), view.crop, SIZE),
        action_names=spec.action_names,
        task=spec.name,
    )


@dataclasses.dataclass(frozen=True)
class Known:
    """What was done and told in an episode: actions (n, A) and states (n, S), as the environment has them."""

    actions: np.ndarray
    states: np.ndarray


def record_arm(
    root: Path,
    lengths: Sequence[int],
    task: str = "Reach",
    seed: int = 0,
    robot_type: str | None = None,
    names: Sequence[str] | None = None,
) -> list[Known]:
    """A dataset of episodes of these lengths, in which a simulated arm moves smoothly to and fro.

    Args:
        robot_type, names: that the dataset claims, in place of the true ones.
    """
    boundary, columns, (height, width) = _moved(tuple(lengths), task, seed)
    joints = tuple(names or boundary.action_names)
    features = {"observation.images.front": camera_feature(height, width)}
    features |= {name: Feature("float32", (len(joints),), joints) for name in ("observation.state", "action")}
    with EpisodeWriter(root, features, 30, robot_type=robot_type or boundary.robot_type) as writer:
        for rows, length in zip(columns, lengths, strict=True):
            written = {"observation.images.front": "image", "observation.state": "state", "action": "action"}
            writer.save_columns({name: rows[key][:length] for name, key in written.items()}, "reach")
    return [
        Known(*(np.array(rows[key][:length]) for key in ("done", "told")))
        for rows, length in zip(columns, lengths, strict=True)
    ]


@functools.cache
def _moved(lengths: tuple[int, ...], task: str, seed: int) -> tuple[Boundary, list[dict[str, list]], Size]:
    """What is recorded, by episode and column, and the size (height, width) of its images; simulated once."""
    worlds = make_task(task, "recording")
    boundary = boundary_of(worlds)
    env = BatchEnv(worlds, len(lengths), randomization="rehearsal", observations=("state", "images.front"))
    random = np.random.default_rng(seed)
    rate, phase = random.uniform(3, 6, (2, len(lengths), len(worlds.spec.action_names)))
    columns: list[dict[str, list]] = [{"image": [], "state": [], "action": [], "done": [], "told": []} for _ in lengths]
    try:
        observation, _ = env.reset(seed=seed)
        for step in range(max(lengths)):
            action = 0.25 * np.cos(rate * step / 30 + phase) * np.cos(phase)
            for i, rows in enumerate(columns):
                image = observation["images.front"][i]
                rows["image"].append(EncodedImage(images.encode(image, ".jpg"), image.shape))
                rows["told"].append(observation["state"][i].copy())
                rows["state"].append(boundary.to_log(worlds.world.position[i]))
            observation, *_ = env.step(action.astype(np.float32))
            for i, rows in enumerate(columns):
                rows["action"].append(boundary.to_log(worlds.world.target[i]))
                rows["done"].append(action[i])
    finally:
        env.close()
    return boundary, columns, observation["images.front"].shape[1:3]
