"""Video files and contact sheets."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from sim2real.errors import InputError
from sim2real.files import replaced_file, write_file

FORMATS = {".mp4": "mp4", ".mkv": "matroska", ".mov": "mov"}


def check_video(path: Path) -> None:
    """Raise InputError for a file name that `write_video` does not accept."""
    if path.suffix not in FORMATS:
        raise InputError(f"cannot film to {path}: the name must end in .mp4, .mkv or .mov")


def write_video(path: Path, frames: Iterable[np.ndarray], fps: float) -> int:
    """Encode RGB frames (H, W, 3) uint8 as H.264; returns the number of frames.

    The file appears only when it is complete: an interruption leaves no broken file.

    Raises:
        InputError: the name does not end in .mp4, .mkv or .mov, or there is no frame.
        OSError: the file cannot be written.
    """
    check_video(path)
    count = 0
    with replaced_file(path) as temporary, av.open(str(temporary), "w", format=FORMATS[path.suffix]) as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "20", "preset": "veryfast"}
        for frame in frames:
            even = np.ascontiguousarray(frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2])
            if count == 0:  # fixed once the codec is open
                stream.height, stream.width = even.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
            count += 1
        if not count:
            raise InputError(f"cannot film to {path}: there are no frames")
        container.mux(stream.encode(None))
    return count


def label(image: np.ndarray, text: str) -> np.ndarray:
    """Return a copy of an RGB image with text in its upper left corner."""
    image = image.copy()
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(image, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, thickness, cv2.LINE_AA)
    return image


def grid(images: Sequence[np.ndarray], columns: int, gap: int = 2) -> np.ndarray:
    """Arrange images of one size (H, W, 3) in rows; the rest of the last row stays white."""
    height, width = images[0].shape[:2]
    rows = -(-len(images) // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for i, image in enumerate(images):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def enlarge(image: np.ndarray, factor: int) -> np.ndarray:
    """Enlarge every pixel to a square, to show the network's input."""
    return image.repeat(factor, 0).repeat(factor, 1)


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an RGB image; raises InputError for an unknown kind of file, OSError if it cannot be written."""
    if path.suffix not in (".png", ".jpg"):
        raise InputError(f"cannot draw to {path}: the name must end in .png or .jpg")
    done, data = cv2.imencode(path.suffix, image[..., ::-1])
    if not done:
        raise OSError(f"cannot encode {path}")
    write_file(path, data.tobytes())
