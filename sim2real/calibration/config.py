"""Settings of calibrations; imports neither torch nor a simulator, so that `--help` is quick."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from sim2real.errors import InputError
from sim2real.tracks.mounted import MountedCamera

FEWEST_PAIRS = 24


@dataclass(frozen=True)
class CameraConfig(MountedCamera):
    """Settings of `sim2real calibrate camera`; camera, pitch and roll are where the fit starts.

    Attributes:
        pairs: number of pairs of frames that are made to agree.
        rounds: how often pairs are found and the camera is fitted to them: which pairs are clear depends on the camera.
        hold_out: share of the pairs that judge the fit, in blocks of time.
        seed: which blocks are held out.
    """

    pairs: int = 100
    rounds: int = 2
    hold_out: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pairs < FEWEST_PAIRS:
            raise InputError(f"pairs must be at least {FEWEST_PAIRS}, not {self.pairs}")
        if not 1 <= self.rounds <= 10:
            raise InputError(f"rounds must be 1 to 10, not {self.rounds}")
        if not 0.1 <= self.hold_out <= 0.5:
            raise InputError(f"hold_out must be 0.1 to 0.5, not {self.hold_out}")
        if self.seed < 0:
            raise InputError(f"seed must be at least 0, not {self.seed}")


@dataclass(frozen=True)
class Board:
    """A printed board.

    Attributes:
        kind: "charuco" (squares with markers: it may be partly outside the image) or "chessboard".
        columns: squares across.
        rows: squares down.
        square: side of a square [m]; it does not change the camera.
    """

    kind: Literal["charuco", "chessboard"] = "charuco"
    columns: int = 8
    rows: int = 6
    square: float = 0.03

    def __post_init__(self) -> None:
        if not 4 <= self.columns <= 20 or not 4 <= self.rows <= 20:
            raise InputError(f"a board has 4 to 20 columns and rows of squares, not {self.columns} x {self.rows}")
        if self.kind == "chessboard" and self.columns % 2 == self.rows % 2:
            raise InputError("a chessboard that can be told from itself upside down has an odd and an even side")
        if not 0.002 <= self.square <= 0.5:
            raise InputError(f"square must be 0.002 to 0.5 m, not {self.square}")


@dataclass(frozen=True)
class BoardConfig:
    """Settings of `sim2real calibrate board`.

    Attributes:
        images: folder of images that show the board, or the number of a webcam; may be left out with --print-board.
        board: what is printed.
        views: number of images that are taken from a webcam.
        print_board: file to print the board to, PDF or PNG; nothing is calibrated.
    """

    images: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGES|CAMERA")] = ""
    board: Annotated[Board, tyro.conf.arg(name="")] = Board()
    views: int = 30
    print_board: Path | None = None

    def __post_init__(self) -> None:
        if not self.images and self.print_board is None:
            raise InputError(
                "which images? Give a folder of images, the number of a webcam, or --print-board board.pdf"
            )
        if self.print_board is not None and self.print_board.suffix.lower() not in (".pdf", ".png"):
            raise InputError(f"{self.print_board}: a board is printed to a .pdf or .png file")
        if self.views < 10:
            raise InputError(f"views must be at least 10, not {self.views}")

    @property
    def task(self) -> str:
        """Return the name for the run's folder."""
        return Path(self.images).name if not self.images.isdigit() else f"camera-{self.images}"
