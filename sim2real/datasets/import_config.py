"""What an import is asked for; needs no library for data or images, so that `--help` is quick."""

from dataclasses import dataclass

from sim2real.errors import InputError


@dataclass(frozen=True)
class ImportConfig:
    """How `sim2real import` goes about it.

    Attributes:
        include_deleted: keep what the tub's owner marked as deleted.
        video: a tub's frames as mp4 (small, lossy) instead of the original image files (exact).
        max_gap: longest time between two frames of a tub's episode [s].
        min_frames: leave out a tub's episodes shorter than this.
        fps: rate that the tub was recorded at [Hz]; one that its time stamps contradict by more than 10 % is refused.
        task: what the tub's driver did, in words.

    Raises:
        InputError: a rate, a gap or a number of frames that is not positive.
    """

    include_deleted: bool = False
    video: bool = False
    max_gap: float = 0.5
    min_frames: int = 1
    fps: float = 20.0
    task: str = "follow the road"

    def __post_init__(self) -> None:
        if not self.max_gap > 0 or not self.fps > 0 or self.min_frames < 1:
            raise InputError("max_gap and fps must be positive, min_frames at least 1")
