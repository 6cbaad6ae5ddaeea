"""Films of a policy driving in simulation, and contact sheets of what its camera sees."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np

from envs import BatchEnv, Camera, Randomization, make_task
from policies.policy import Policy
from policies.preprocessing import Preprocessing
from sim2real.checkpoints import load_policy
from sim2real.errors import InputError
from sim2real.evaluation.results import Evaluation
from sim2real.evaluation.simulation import TEST_SEED
from sim2real.progress import Progress, silent
from sim2real.reports.films.video import enlarge, grid, label, write_image, write_video
from sim2real.worlds import load_randomization, recipe_cameras

FILM_SIZE = (256, 192)  # px, size of one world's picture


def film_evaluation(evaluation: Evaluation, path: Path, seconds: float, progress: Progress = silent) -> int:
    """Film the first policy of an evaluation in simulation, in its first worlds; returns the number of frames.

    Args:
        seconds: length of the film.

    Raises:
        InputError, OSError: as write_video.
    """
    config, folder = evaluation.config, evaluation.checkpoints[0]
    return film(
        *(load_policy(folder), path),
        task=evaluation.task,
        seconds=seconds,
        randomization=load_randomization(evaluation.task, config.randomization),
        first_seed=config.seed,
        cameras=recipe_cameras(folder),
        progress=progress,
    )


def film(
    policy: Policy,
    path: Path,
    *,
    task: str | None = None,
    worlds: int = 4,
    seconds: float = 15.0,
    randomization: Randomization | str = "default",
    first_seed: int = TEST_SEED,
    cameras: Mapping[str, Camera] | None = None,
    progress: Progress = silent,
) -> int:
    """Film a policy in the first worlds of its test episodes, from outside and through its own camera.

    Args:
        task: in whose worlds it acts; None: the policy's own.
        cameras: as in BatchEnv.
        progress: called with (frames done, frames in all).

    Returns:
        The number of frames.

    Raises:
        InputError, OSError: as write_video; an unknown preset.
    """
    config = policy.config
    env = BatchEnv(
        make_task(task or config.task, "test"),
        worlds,
        randomization=randomization,
        observations=("state", config.preprocessing.key),
        image_size=config.preprocessing.size,
        cameras=cameras,
    )
    try:
        total = round(seconds / env.task.spec.control_dt)
        return write_video(path, _frames(env, policy, first_seed, total, progress), 1 / env.task.spec.control_dt)
    finally:
        env.close()


def _frames(
    env: BatchEnv, policy: Policy, first_seed: int, steps: int, progress: Callable[[int, int], None]
) -> Iterator[np.ndarray]:
    outside = env.task.spec.film_camera
    lens = Camera.from_fov(*FILM_SIZE, np.deg2rad(60))
    observation, _ = env.reset(seed=first_seed)
    for step in range(steps):
        action = policy.act(observation)
        eyes = observation[policy.config.preprocessing.key]
        scenes = env.vision.render_from(outside, lens) if outside and env.vision else [None] * len(eyes)
        pictures = [_picture(*parts, policy.config.action_names) for parts in zip(scenes, eyes, action, strict=True)]
        yield grid(pictures, columns=2 if len(pictures) > 1 else 1)
        progress(step + 1, steps)
        observation, *_ = env.step(action)


def _picture(scene: np.ndarray | None, eye: np.ndarray, action: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Return the picture of one world: the scene with the policy's view in a corner and its actions as bars."""
    width, height = FILM_SIZE
    if scene is None:
        return cv2.resize(eye, FILM_SIZE, interpolation=cv2.INTER_NEAREST)
    scene = scene.copy()
    inset = enlarge(eye, max(width // 3 // eye.shape[1], 1))
    scene[4 : 4 + inset.shape[0], width - 4 - inset.shape[1] : width - 4] = inset
    many = len(names) > 3  # the joints of an arm: small, in a corner, so that they do not cover it
    pitch, half, size = (11, 24, 0.3) if many else (18, 60, 0.4)
    for i, (name, value) in enumerate(zip(names, action, strict=True)):
        y, middle = height - 12 - pitch * i, 106 if many else width // 2
        cv2.rectangle(scene, (middle - half, y - pitch // 3), (middle + half, y + pitch // 3), (255, 255, 255), 1)
        end = int(middle + half * float(np.clip(value, -1, 1)))
        bar = (min(middle, end), y - pitch // 4), (max(middle, end), y + pitch // 4)
        cv2.rectangle(scene, *bar, (255, 160, 0), -1)
        cv2.putText(scene, name, (8, y + 4), cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 1, cv2.LINE_AA)
    return scene


def contact_sheet(
    task: str, path: Path, beside: Path | None = None, randomization: Randomization | str = "default"
) -> None:
    """Draw what a task's camera sees: nominal worlds, randomized ones, and real frames from a folder.

    Args:
        beside: folder with JPEG or PNG frames of the real camera; they are preprocessed as for the policy.

    Raises:
        InputError: an unknown task or preset, no picture in the folder, or another kind of file to draw to.
    """
    spec = make_task(task).spec
    camera, view = next(iter(spec.cameras.items()))
    key, rows, columns = f"images.{camera}", [], 8
    for preset, title, count in (("none", "simulated, nominal", 16), (randomization, "simulated, randomized", 32)):
        env = BatchEnv(make_task(task, "test"), count, randomization=preset, observations=(key,))
        images = env.reset(seed=TEST_SEED)[0][key]
        env.close()
        rows += [label(enlarge(image, 3), title if i == 0 else "") for i, image in enumerate(images)]
    if beside is not None:
        see = Preprocessing(camera, (view.camera.width, view.camera.height), view.crop, view.size)
        images = _real_frames(beside, 16)
        rows += [label(enlarge(see(image)[0], 3), "real" if i == 0 else "") for i, image in enumerate(images)]
    write_image(path, grid(rows, columns))


def _real_frames(folder: Path, count: int) -> list[np.ndarray]:
    files = sorted(p for p in folder.glob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not files:
        raise InputError(f"no .jpg or .png picture in {folder}")
    chosen = [files[i] for i in np.linspace(0, len(files) - 1, count).astype(int)]
    images = [cv2.imread(str(path)) for path in chosen]
    return [image[..., ::-1] for image in images if image is not None]
