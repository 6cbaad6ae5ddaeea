"""A printed board of known corners: its picture, and where an image shows them."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from sim2real.calibration.config import Board

MARKER = 0.75  # of a square: side of a ChArUco board's markers
_DICTIONARY = cv2.aruco.DICT_4X4_250


@dataclass(frozen=True)
class View:
    """Corners that an image shows.

    Attributes:
        name: of the image.
        corners: (n, 2) m, on the board.
        pixels: (n, 2) px, in the image.
    """

    name: str
    corners: np.ndarray
    pixels: np.ndarray


class Finder:
    """Finds a board's inner corners in images."""

    def __init__(self, board: Board) -> None:
        self.board = board

    @cached_property
    def _charuco(self) -> cv2.aruco.CharucoBoard:
        board = self.board
        dictionary = cv2.aruco.getPredefinedDictionary(_DICTIONARY)
        size = (board.columns, board.rows)
        return cv2.aruco.CharucoBoard(size, board.square, MARKER * board.square, dictionary)

    @cached_property
    def _detector(self) -> cv2.aruco.CharucoDetector:
        return cv2.aruco.CharucoDetector(self._charuco)

    @cached_property
    def _corners(self) -> np.ndarray:
        """(N, 2) m of all inner corners, row by row."""
        x, y = np.meshgrid(np.arange(1, self.board.columns), np.arange(1, self.board.rows))
        return self.board.square * np.stack([x.ravel(), y.ravel()], -1)

    def picture(self, square: int) -> np.ndarray:
        """Return (rows * square, columns * square) uint8, the board with squares of so many px."""
        board = self.board
        if board.kind == "charuco":
            return self._charuco.generateImage((board.columns * square, board.rows * square))
        x, y = np.meshgrid(np.arange(board.columns), np.arange(board.rows))
        return np.kron(np.where((x + y) % 2, 255, 0), np.ones((square, square))).astype(np.uint8)

    def find(self, image: np.ndarray, name: str = "") -> View | None:
        """Return the corners that an image (h, w, 3) uint8 RGB shows; None if they are too few."""
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if self.board.kind == "charuco":
            pixels, ids, *_ = self._detector.detectBoard(grey)
            if ids is None or len(ids) < FEWEST_CORNERS:
                return None
            return View(name, self._corners[np.ravel(ids).astype(int)], np.reshape(pixels, (-1, 2)).astype(float))
        size = (self.board.columns - 1, self.board.rows - 1)
        found, pixels = cv2.findChessboardCornersSB(grey, size)
        return View(name, self._corners, np.reshape(pixels, (-1, 2)).astype(float)) if found else None


FEWEST_CORNERS = 8  # of one image: fewer say little about its pose
