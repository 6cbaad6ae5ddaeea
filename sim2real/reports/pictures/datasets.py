"""Pictures of a dataset: contact sheets of its frames, histograms of its actions."""

import cv2
import numpy as np

from sim2real.datasets.inspection import InspectResult
from sim2real.datasets.lerobot.dataset import EpisodeDataset
from sim2real.reports.films.video import grid, label, write_image

INK, BAR, PAPER = (40, 40, 40), (60, 110, 170), 255


def draw_dataset(result: InspectResult) -> None:
    """Draw frames of every readable camera and histograms of the actions, beside the file with the statistics."""
    dataset = result.dataset
    for camera in dataset.cameras:
        if not result.figures["truth"][f"{camera} readable and of its size"]:
            write_image(result.folder / f"frames-{camera.rpartition('.')[2]}.png", dataset_sheet(dataset, camera))
    action = dataset.features.get("action")
    if action is not None and len(action.shape) == 1:
        values = np.concatenate([episode["action"].reshape(len(episode), -1) for episode in dataset])
        names = list(action.names or [f"action {k}" for k in range(values.shape[1])])
        write_image(result.folder / "actions.png", histograms(values, names))


def dataset_sheet(dataset: EpisodeDataset, camera: str, count: int = 48, columns: int = 8) -> np.ndarray:
    """Draw an RGB picture of `count` frames spread evenly over all episodes, each with its episode and frame number."""
    chosen = np.unique(np.linspace(0, dataset.frames - 1, count).round().astype(int))
    ends = dataset.lengths.cumsum()
    tiles = []
    for frame in chosen:
        k = int(np.searchsorted(ends, frame, side="right"))
        row = int(frame - ends[k] + dataset.lengths[k])
        image = dataset.episode(k).images(camera, np.array([row]))[0]
        scale = 160 / image.shape[1]
        image = cv2.resize(image, (160, max(1, round(image.shape[0] * scale))), interpolation=cv2.INTER_AREA)
        tiles.append(label(image, f"{dataset.indices[k]} : {row}"))
    return grid(tiles, columns)


def histograms(values: np.ndarray, names: list[str], bins: int = 41, size: tuple[int, int] = (480, 240)) -> np.ndarray:
    """Draw an RGB picture with a histogram per column of (n, d): share of frames per bin.

    The share of exact zeros is in the title and not in the bars, where it would hide all other values.
    """
    panels = []
    width, height = size
    for column, name in zip(values.T, names, strict=True):
        panel = np.full((height, width, 3), PAPER, np.uint8)
        low, high = float(column.min()), float(column.max())
        low, high = (low - 0.5, high + 0.5) if high - low < 1e-9 else (low, high)
        counts, _ = np.histogram(column, bins, (low, high))
        step, floor = (width - 40) / bins, height - 30
        for k, count in enumerate(counts):
            top = floor - round((floor - 40) * count / counts.max())
            cv2.rectangle(panel, (round(20 + k * step), top), (round(20 + (k + 1) * step) - 2, floor), BAR, -1)
        zeros = f"{name}: {len(column)} frames, {100 * (column == 0).mean():.0f} % exactly 0"
        for text, at in (
            (zeros, (20, 24)),
            (f"{low:.2f}", (20, height - 10)),
            (f"{high:.2f}", (width - 70, height - 10)),
        ):
            cv2.putText(panel, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)
        panels.append(panel)
    return np.concatenate(panels)
