"""Does LeRobot load what we write, and do we read what LeRobot writes?

LeRobot cannot share an environment with Sim2Real (it needs an older torch and OpenCV), so it has one of its own:

    python3.12 -m venv lerobot-env
    lerobot-env/bin/pip install 'lerobot[dataset]==0.6.1'        # several GB
    HF_HUB_OFFLINE=1 lerobot-env/bin/python tests/acceptance/lerobot_loads.py load DATASET [DATASET ...]
    HF_HUB_OFFLINE=1 lerobot-env/bin/python tests/acceptance/lerobot_loads.py write FOLDER
    .venv/bin/python tests/acceptance/lerobot_loads.py read FOLDER

`load` checks datasets written by `sim2real import` or the recorder; `write` makes two datasets with LeRobot, frames as
images and as video, which `read` checks from Sim2Real's own environment. Each prints a line per dataset; an assertion
that fails ends it with exit code 1.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

CAMERA, FPS = "observation.images.front", 20
LENGTHS = (37, 21, 60)


def load(root: Path) -> None:
    """Read a dataset with LeRobot: counts, every frame's rows, images against their bytes, windows, a batch."""
    import torch
    from lerobot.datasets.lerobot_dataset import LeRobotDataset  # pyright: ignore[reportMissingImports]

    name = f"local/{root.name}"
    dataset = LeRobotDataset(name, root=root)
    assert len(dataset) == dataset.num_frames == dataset.meta.total_frames == sum(dataset.meta.episodes["length"])
    starts = list(dataset.meta.episodes["dataset_from_index"])
    for k in {0, len(dataset) // 2, len(dataset) - 1, *starts[:20]}:
        item = dataset[k]
        assert int(item["index"]) == k
        assert abs(float(item["timestamp"]) - int(item["frame_index"]) / dataset.fps) < 1e-4
        assert item["task"] in dataset.meta.tasks.index
        for camera in dataset.meta.camera_keys:
            height, width, _ = dataset.meta.features[camera]["shape"]
            assert item[camera].shape == (3, height, width) and 0 <= item[camera].min() <= item[camera].max() <= 1
    for key, stats in dataset.meta.stats.items():
        assert {"min", "max", "mean", "std", "count", "q01", "q99"} <= set(stats), key
    deltas = {"action": [0.0, 1 / dataset.fps, 2 / dataset.fps], dataset.meta.camera_keys[0]: [-1 / dataset.fps, 0.0]}
    windows = LeRobotDataset(name, root=root, delta_timestamps=deltas)
    start = starts[-1]
    torch.testing.assert_close(windows[start]["action"][0], dataset[start]["action"])
    assert windows[start][f"{dataset.meta.camera_keys[0]}_is_pad"].tolist() == [True, False]
    chosen = LeRobotDataset(name, root=root, episodes=[0])
    assert len(chosen) == dataset.meta.episodes["length"][0]
    batch = next(iter(torch.utils.data.DataLoader(dataset, batch_size=8, shuffle=True)))
    assert batch["action"].shape[0] == min(8, len(dataset))
    print(f"{root}: LeRobot loads {dataset.num_episodes} episodes, {len(dataset)} frames, {sorted(dataset.features)}")


def _frame(episode: int, row: int) -> dict[str, Any]:
    image = np.full((48, 64, 3), (4 * row + 3, 240 - 4 * row, 60 * episode), np.uint8)
    action = np.array([row / 10, episode], np.float32)
    return {CAMERA: image, "observation.state": action - 1, "action": action, "task": f"task {episode % 2}"}


def write(folder: Path) -> None:
    """Record two datasets with LeRobot's own writer."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset  # pyright: ignore[reportMissingImports]

    vector = {"dtype": "float32", "shape": (2,), "names": ["steering", "throttle"]}
    for kind in ("image", "video"):
        camera = {"dtype": kind, "shape": (48, 64, 3), "names": ["height", "width", "channels"]}
        features = {CAMERA: camera, "observation.state": vector, "action": vector}
        settings = {"root": folder / kind, "robot_type": "car", "use_videos": kind == "video"}
        dataset = LeRobotDataset.create(f"local/{kind}", FPS, features, **settings)
        for episode, length in enumerate(LENGTHS):
            for row in range(length):
                dataset.add_frame(_frame(episode, row))
            dataset.save_episode()
        dataset.finalize()
        print(f"{folder / kind}: LeRobot wrote {len(LENGTHS)} episodes")


def read(folder: Path) -> None:
    """Read what `write` wrote with Sim2Real, frame by frame."""
    from sim2real.datasets import EpisodeDataset

    for kind in ("image", "video"):
        dataset, worst = EpisodeDataset(folder / kind), 0
        assert tuple(dataset.lengths) == LENGTHS
        for number, episode in enumerate(dataset):
            frames = [_frame(number, row) for row in range(len(episode))]
            for name in ("action", "observation.state"):
                np.testing.assert_array_equal(episode[name], [frame[name] for frame in frames])
            # Video is lossy, but each frame must be nearer to its own original than to any other.
            pixels = np.stack([frame[CAMERA] for frame in frames]).astype(int)
            off = np.abs(episode[CAMERA].mean((1, 2))[:, None] - pixels.mean((1, 2))[None]).sum(2)
            assert (off.argmin(1) == np.arange(len(episode))).all(), "frames are not those of their rows"
            worst = max(worst, int(np.abs(episode[CAMERA] - pixels).max()))
            assert kind == "video" or worst == 0
            assert dataset.tasks[number] == f"task {number % 2}"
        print(f"{folder / kind}: read {len(dataset)} episodes, {dataset.frames} frames, worst pixel off by {worst}")


if __name__ == "__main__":
    commands = {"load": load, "write": write, "read": read}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        sys.exit(f"usage: {Path(__file__).name} {'|'.join(commands)} FOLDER ...")
    for path in sys.argv[2:]:
        commands[sys.argv[1]](Path(path))
