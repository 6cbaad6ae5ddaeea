"""Settings of an import; needs no library for data or images, so that `--help` is quick."""

from dataclasses import dataclass

from sim2real.errors import InputError


@dataclass(frozen=True)
class ImportConfig:
    """Settings of `sim2real import`.

    Attributes:
        include_deleted: keep records that the tub's owner marked as deleted.
        video: store a tub's frames as mp4 (small, lossy) instead of the original image files (exact).
        max_gap: longest time between two frames of a tub's episode [s].
        min_frames: leave out episodes of a tub with fewer frames.
        fps: frame rate of the tub [Hz]; a rate that differs from its time stamps by more than 10 % is refused.
        task: description of the tub's task.
        autopilot: keep what an autopilot drove, with its commands as actions, where the tub has them (Donkeycar's
            RECORD_DURING_AI).

    Raises:
        InputError: a rate, a gap or a number of frames that is not positive.
    """

    include_deleted: bool = False
    video: bool = False
    max_gap: float = 0.5
    min_frames: int = 1
    fps: float = 20.0
    task: str = "follow the road"
    autopilot: bool = False

    def __post_init__(self) -> None:
        if not self.max_gap > 0 or not self.fps > 0 or self.min_frames < 1:
            raise InputError("max_gap and fps must be positive, min_frames at least 1")
