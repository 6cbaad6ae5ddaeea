"""Writing LeRobot v3.0 datasets frame by frame; a power cut loses at most the unsaved episodes."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from sim2real.datasets.lerobot.catalog import Catalog
from sim2real.datasets.lerobot.features import INDICES, Feature, as_video, schema
from sim2real.datasets.lerobot.meta import numbered, video_span
from sim2real.datasets.lerobot.rows import checked_row, columns_table, index_columns
from sim2real.datasets.lerobot.stats import Stats, episode_statistics
from sim2real.datasets.lerobot.videos import write_frames
from sim2real.datasets.paths import check_name
from sim2real.errors import InputError
from sim2real.files import locked, write_file

FLUSH_BYTES = 256 << 20


class EpisodeWriter:
    """Writes episodes; appends to an existing dataset with the same features and frame rate.

    An episode is kept in memory until `save_episode`. After each `flush` all files are complete, and `meta/info.json`,
    replaced last, has the number of episodes: a killed writer leaves a dataset that loads.

    Args:
        root: folder of the dataset.
        features: features of a frame; cameras have dtype "image".
        fps: frame rate [Hz].
        robot_type: robot type in `info.json`.
        video: store frames as mp4 files (lossy) instead of image files (exact).
        flush_every: number of episodes per file; 1 loses least, more makes fewer files.

    Raises:
        DatasetError: another writer is active, the folder is another dataset, or a feature has an invalid name.
    """

    def __init__(
        self,
        root: Path,
        features: Mapping[str, Feature],
        fps: float,
        *,
        robot_type: str = "unknown",
        video: bool = False,
        flush_every: int = 1,
    ) -> None:
        self.root, self.fps, self._flush_every = Path(root), fps, flush_every
        reserved = set(features) & set(INDICES)
        if reserved:
            raise InputError(f"features {', '.join(sorted(reserved))} are written by the writer itself: leave them out")
        for name in features:
            check_name(name)
        stored = {k: as_video(f, fps) if video and f.dtype == "image" else f for k, f in features.items()}
        self.features, self._schema = {**stored, **INDICES}, schema({**stored, **INDICES})
        self._frames: list[dict[str, Any]] = []
        self._tables: list[Any] = []
        self._bytes = 0
        with ExitStack() as stack:
            stack.enter_context(locked(self.root))
            self._catalog = Catalog.open(self.root, self.features, fps, robot_type)
            self._closing = stack.pop_all()

    @property
    def episodes(self) -> int:
        """Return the number of saved episodes, including those of earlier writers."""
        return len(self._catalog.episodes)

    def add_frame(self, frame: Mapping[str, Any]) -> None:
        """Append a frame to the current episode: a value per feature.

        A camera's value is RGB pixels (H, W, 3) uint8, or a JPEG or PNG file that is stored unchanged: its content, or
        an `EncodedImage`.

        Raises:
            InputError: a feature is missing or unknown, of another shape, or not finite.
        """
        self._frames.append(checked_row(frame, self.features))

    def discard_episode(self) -> None:
        """Discard the frames of the current episode."""
        self._frames = []

    def save_episode(self, task: str, session: str | None = None) -> int:
        """End the current episode with a task text; returns its index.

        Args:
            session: as in `save_columns`.

        Raises:
            InputError: the episode has no frames.
            OSError: the disk is full; flushed episodes are intact, and `flush` tries again.
        """
        if not self._frames:
            raise InputError("the episode has no frames: call add_frame before save_episode")
        frames, self._frames = self._frames, []
        return self.save_columns({name: [frame[name] for frame in frames] for name in frames[0]}, task, session=session)

    def save_columns(
        self,
        columns: Mapping[str, Sequence[Any]],
        task: str | Sequence[str],
        videos: Mapping[str, Path] | None = None,
        stats: Mapping[str, Stats] | None = None,
        session: str | None = None,
        outcome: Mapping[str, Any] | None = None,
    ) -> int:
        """Save an episode given as columns, without checks; returns its index.

        Args:
            task: task text of the episode, or of each frame.
            videos: files with a camera's frames of this episode, copied unchanged.
            stats: statistics of these files.
            session: name of the recording session; dependent episodes, such as pieces of one drive, share it. None:
                unknown.
            outcome: how the episode ended, as JSON values (`EpisodeDataset.outcomes`); None: unknown. An older dataset
                that has no outcomes gets none.
        """
        length = len(next(iter(columns.values())))
        tasks = [task] * length if isinstance(task, str) else list(task)
        told = None if outcome is None else json.dumps(outcome, ensure_ascii=False, allow_nan=False)
        entry = self._catalog.next_entry(length, list(dict.fromkeys(tasks)), session, told)
        number, videos = entry["episode_index"], videos or {}
        indices = [self._catalog.tasks[text] for text in tasks]
        rows: dict[str, Any] = {**columns, **index_columns(entry, indices, self.fps)}
        for name in [name for name, feature in self.features.items() if feature.dtype == "video"]:
            path = self.root / numbered(f"videos/{name}", number, ".mp4")
            if name in videos:
                write_file(path, videos[name].read_bytes())
            else:
                write_frames(path, (frame.pixels() for frame in rows[name]), self.fps)
            self._catalog.wrote(path.relative_to(self.root).as_posix())
            entry |= video_span(name, number, length / self.fps)
        table = columns_table(rows, self.features, self._schema)
        self._tables.append(table)
        self._bytes += table.nbytes
        self._catalog.add(entry, {**episode_statistics(rows, self.features), **(stats or {})})
        if len(self._tables) >= self._flush_every or self._bytes > FLUSH_BYTES:
            self.flush()
        return number

    def flush(self) -> None:
        """Write all saved episodes to disk; raises OSError."""
        self._catalog.commit(self._tables)
        self._tables, self._bytes = [], 0

    def close(self) -> None:
        """Flush and release the lock; frames of an unsaved episode are dropped."""
        with self._closing:
            self.flush()

    def __enter__(self) -> "EpisodeWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, OSError):  # the disk is full: do not try again
            self._closing.close()
        else:
            self.close()
