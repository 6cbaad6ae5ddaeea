"""Encoded camera frames: is a file complete, what size is it, and its pixels."""

import cv2
import numpy as np

from sim2real.errors import InputError

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


def decode(content: bytes) -> np.ndarray:
    """Pixels (H, W, 3) uint8 RGB of a JPEG or PNG file; raises InputError if it is damaged."""
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB) if content else None
    if image is None:
        raise InputError("not a readable JPEG or PNG")
    return image


def check(content: bytes) -> np.ndarray:
    """Pixels of a file as it is stored: (H, W, 3) uint8 RGB, or (H, W) if it is gray.

    Raises:
        InputError: it is truncated or damaged. A decoder paints the missing part of a truncated JPEG gray
            and says nothing, so the end marker is looked for.
    """
    tail = content[-64:].rstrip(b"\0")
    ends = {JPEG: tail.endswith(b"\xff\xd9"), PNG: b"IEND" in tail}
    if not any(complete and content.startswith(magic) for magic, complete in ends.items()):
        raise InputError("not a complete JPEG or PNG")
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise InputError("not a readable JPEG or PNG")
    return image if image.ndim == 2 else decode(content)


def encode(image: np.ndarray, suffix: str = ".png") -> bytes:
    """A file of RGB pixels (H, W, 3) uint8; PNG keeps them exactly.

    Raises:
        InputError: not such an array, or a suffix other than .png and .jpg.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InputError(f"an image must be (H, W, 3) uint8, this is {image.shape} {image.dtype}")
    if suffix not in (".png", ".jpg"):
        raise InputError(f"cannot encode {suffix}: .png or .jpg")
    # Level 1: a third of the time of the default, files 5 % larger.
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1] if suffix == ".png" else [cv2.IMWRITE_JPEG_QUALITY, 95]
    return cv2.imencode(suffix, np.ascontiguousarray(image[..., ::-1]), options)[1].tobytes()


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The image at another size, gray made RGB; areas are averaged, so that nothing aliases."""
    if image.ndim == 2:
        image = image[..., None].repeat(3, -1)
    return (
        image if image.shape[:2] == (height, width) else cv2.resize(image, (width, height), None, 0, 0, cv2.INTER_AREA)
    )


def suffix(content: bytes) -> str:
    """.png or .jpg, by what the file begins with."""
    return ".png" if content.startswith(PNG) else ".jpg"
