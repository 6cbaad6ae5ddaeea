"""Import of a Donkeycar tub v2: consistent records become a dataset, and every record is accounted for."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.datasets import images
from sim2real.datasets.checksums import write_listed_json
from sim2real.datasets.clock import check_rate
from sim2real.datasets.donkeycar.account import Rules, cut, set_verdicts
from sim2real.datasets.donkeycar.record import Record, Verdict
from sim2real.datasets.donkeycar.report import counts, tub_report
from sim2real.datasets.donkeycar.tub import Tub, read_tub
from sim2real.datasets.lerobot.features import Feature, camera_feature
from sim2real.datasets.lerobot.rows import EncodedImage
from sim2real.datasets.lerobot.writer import EpisodeWriter
from sim2real.errors import DatasetError, InputError
from sim2real.files import new_folder
from sim2real.progress import Progress, silent

CAMERA = "observation.images.front"
COMMAND = ("steering", "throttle")
REPORT = "import_report.json"
BATCH = 64  # number of episodes per file


@dataclass(frozen=True)
class TubImport:
    """Settings of a tub's import.

    Attributes:
        rules: rules for selecting records and cutting episodes.
        video: store frames as mp4 (lossy) instead of the original image files (exact).
        task: description of the driver's task.
    """

    rules: Rules = Rules()
    video: bool = False
    task: str = "follow the road"


def import_tub(source: Path, destination: Path, options: TubImport = TubImport(), progress: Progress = silent) -> dict:
    """Convert a tub to a LeRobot v3.0 dataset; returns the report, which is also in the dataset's folder.

    Frame k has the image; `action`, the commanded steering and throttle; `observation.state`, the command at frame k-1
    of the episode (zeros at its start); and `recorded_at` [s since 1970]. Steering is positive to the right. The tub's
    sessions are kept: episodes of one session are pieces of one drive.
    The result depends only on the tub's content: a second import is byte-identical.

    Raises:
        DatasetError: the source is not a tub, is empty or has no usable record, its time stamps contradict the rate,
            or the destination exists.
        OSError: the disk is full; nothing is left behind.
    """
    tub, rules = read_tub(source), options.rules
    if destination.exists():
        raise DatasetError(f"{destination} exists: choose another destination, or remove it first")
    set_verdicts(tub, rules)
    size = _load_images(tub, progress)
    pieces = cut(tub.records, rules)
    if not pieces:
        raise DatasetError(f"the tub {source} has no usable record: {_why_nothing(tub.records)}")
    steps = np.concatenate([np.diff([record.time for record in piece]) for piece in pieces])
    check_rate(steps, rules.fps, f"the records of {source}", "repeat with --fps {rate}")
    with new_folder(destination) as folder:
        features = {
            CAMERA: camera_feature(*size),
            "observation.state": Feature("float32", (2,), COMMAND),
            "action": Feature("float32", (2,), COMMAND),
            "recorded_at": Feature("float64", (1,), ("seconds",)),
        }
        settings = {"robot_type": "donkeycar", "video": options.video, "flush_every": BATCH}
        resized = 0
        with EpisodeWriter(folder, features, rules.fps, **settings) as writer:
            written, total = 0, sum(len(piece) for piece in pieces)
            for piece in pieces:
                frames = [_frame(tub, record, size) for record in piece]
                resized += sum(frame.name != record.image for frame, record in zip(frames, piece, strict=True))
                writer.save_columns(_columns(piece, frames), options.task, session=piece[0].session or None)
                written += len(piece)
                if progress:
                    progress(total + written, 2 * total)
        report = tub_report(tub, pieces, rules, size)
        report |= {"video": options.video, "task": options.task, "resized_images": resized}
        write_listed_json(folder, REPORT, report)
    return report


def _why_nothing(records: list[Record]) -> str:
    """Return the number of records per verdict, and the options that would keep them."""
    why = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts(records).items() if count)
    verdicts = {record.verdict for record in records}
    kept_by = {Verdict.DELETED: "--include-deleted keeps what the owner deleted",
               Verdict.AUTOPILOT: "--autopilot keeps what an autopilot drove, where the tub has its commands",
               Verdict.SHORT: "a smaller --min-frames or a larger --max-gap keeps short pieces"}  # fmt: skip
    return "; ".join([why, *(how for verdict, how in kept_by.items() if verdict in verdicts)])


def _load_images(tub: Tub, progress: Progress | None) -> tuple[int, int]:
    """Check the images of all kept records; returns the most frequent size (height, width)."""
    sizes: Counter[tuple[int, int]] = Counter()
    kept = [record for record in tub.records if record.verdict is Verdict.KEPT]
    for done, record in enumerate(kept, 1):
        path = tub.images / record.image
        try:
            sizes[images.check(path.read_bytes()).shape[:2]] += 1
        except FileNotFoundError:
            record.verdict = Verdict.MISSING
        except (InputError, OSError):
            record.verdict = Verdict.UNREADABLE
        if progress and done % 200 == 0:
            progress(done, 2 * len(kept))  # reading is half of the work, writing the other half
    return max(sizes, key=lambda size: (sizes[size], size), default=(0, 0))


def _frame(tub: Tub, record: Record, size: tuple[int, int]) -> EncodedImage:
    """Return the original image file; a gray image or one of another size is converted and renamed."""
    content = (tub.images / record.image).read_bytes()
    pixels = images.check(content)
    if pixels.shape == (*size, 3):
        return EncodedImage(content, pixels.shape, record.image)
    return EncodedImage(
        images.encode(images.resize(pixels, *size)), (*size, 3), f"{Path(record.image).stem}-resized.png"
    )


def _columns(piece: list[Record], frames: list[EncodedImage]) -> dict[str, Any]:
    action = np.array([record.action for record in piece], np.float32)
    state = np.concatenate([np.zeros((1, 2), np.float32), action[:-1]])
    times = np.array([record.time for record in piece])
    return {CAMERA: frames, "observation.state": state, "action": action, "recorded_at": times}
