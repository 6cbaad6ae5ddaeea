"""Settings of a reconstruction; imports neither torch nor a simulator, so that `--help` is quick."""

from dataclasses import dataclass

from sim2real.errors import InputError
from sim2real.tracks.mounted import MountedCamera


@dataclass(frozen=True)
class ReconstructConfig(MountedCamera):
    """Settings of `sim2real reconstruct`.

    Attributes:
        hold_out: share of the frames that the map is not made of, in blocks of up to 30 s, to judge it.
        seed: which blocks are held out.
    """

    hold_out: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seed < 0:
            raise InputError(f"seed must be at least 0, not {self.seed}")
        if not 0 <= self.hold_out <= 0.5:
            raise InputError(f"hold_out must be 0 to 0.5, not {self.hold_out}")
