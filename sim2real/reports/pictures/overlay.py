"""Recorded and predicted actions drawn with a frame."""

from collections.abc import Mapping

import cv2
import numpy as np

INK, PAPER, TRACK, RULE = (43, 47, 54), (255, 255, 255), (228, 231, 235), (154, 161, 171)
# RGB, as in the plots: drivers blue, policies orange.
COLOURS = ((11, 106, 168), (213, 94, 0), (0, 135, 95))
WIDE = 480  # px, minimum width for the legend of the mark
MARK = "| as commanded"
FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_steering(
    image: np.ndarray, values: Mapping[str, float], caption: str = "", width: int = 640, raw: float | None = None
) -> np.ndarray:
    """Draw the enlarged frame with a curved path per value, and below it a legend with bars and numbers.

    Args:
        image: (h, w, 3) uint8 RGB.
        values: steering in [-1, 1] by name, at most three; positive is right; NaN draws nothing.
        caption: below the frame.
        width: of the picture [px].
        raw: the first value before smoothing; drawn as a mark on its bar.

    Returns:
        (H, width, 3) uint8 RGB; H depends on the image's shape and the number of values only.
    """
    picture = _resized(image, width)
    scale = width / 640
    for value, colour in zip(values.values(), COLOURS, strict=False):
        if np.isfinite(value):
            _path(picture, float(value), colour, scale)
    panel = _panel(values, caption, width, raw, scale)
    return np.concatenate([picture, panel])


def _resized(image: np.ndarray, width: int) -> np.ndarray:
    height = max(1, round(width * image.shape[0] / image.shape[1]))
    grows = width >= image.shape[1]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC if grows else cv2.INTER_AREA)


def _path(picture: np.ndarray, value: float, colour: tuple[int, int, int], scale: float) -> None:
    """Draw an arc from the middle of the lower edge, curved by the steering, with a light rim."""
    height, width = picture.shape[:2]
    length, steps = 0.5 * height, 24
    heading = 1.3 * np.clip(value, -1, 1) * np.linspace(0, 1, steps)
    x = width / 2 + np.r_[0, np.cumsum(np.sin(heading))] * length / steps
    y = height - 3 - np.r_[0, np.cumsum(np.cos(heading))] * length / steps
    points = np.stack([x, y], 1).round().astype(np.int32)
    thick = max(1, round(5 * scale))
    cv2.polylines(picture, [points], False, PAPER, thick + max(2, round(3 * scale)), cv2.LINE_AA)
    cv2.polylines(picture, [points], False, colour, thick, cv2.LINE_AA)


def _panel(values: Mapping[str, float], caption: str, width: int, raw: float | None, scale: float) -> np.ndarray:
    size, row = max(0.32, 0.52 * scale), max(15, round(28 * scale))
    pad, low = max(6, round(12 * scale)), max(4, round(9 * scale))
    panel = np.full((row * (len(values) + bool(caption)) + pad, width, 3), PAPER, np.uint8)
    if caption:
        _write(panel, caption, (pad, row - low), size)
        if raw is not None and width >= WIDE:
            taken = cv2.getTextSize(MARK, FONT, size, 1)[0][0]
            _write(panel, MARK, (width - pad - taken, row - low), size, RULE)
    longest = max(cv2.getTextSize(name, FONT, size, 1)[0][0] for name in values) if values else 0
    number = cv2.getTextSize("-0.00", FONT, size, 1)[0][0]
    left, right = 2 * pad + longest, width - 2 * pad - number
    middle, half = (left + right) / 2, (right - left) / 2
    for k, ((name, value), colour) in enumerate(zip(values.items(), COLOURS, strict=False)):
        base = row * (k + bool(caption) + 1) - low + pad // 2
        top, bottom = base - round(0.4 * row), base + round(0.05 * row)
        _write(panel, name, (pad, base), size, colour)
        cv2.rectangle(panel, (left, top), (right, bottom), TRACK, -1)
        if np.isfinite(value):
            end = round(middle + half * float(np.clip(value, -1, 1)))
            cv2.rectangle(panel, (min(round(middle), end), top), (max(round(middle), end), bottom), colour, -1)
            _write(panel, f"{value:+.2f}", (right + pad, base), size)
        cv2.line(panel, (round(middle), top - 2), (round(middle), bottom + 2), RULE, 1)
        if k == 0 and raw is not None and np.isfinite(raw):
            at = round(middle + half * float(np.clip(raw, -1, 1)))
            cv2.line(panel, (at, top - 3), (at, bottom + 3), INK, max(1, round(2 * scale)))
    return panel


def draw_actions(
    image: np.ndarray,
    pairs: Mapping[str, tuple[float, float]],
    names: tuple[str, str],
    caption: str = "",
    width: int = 640,
) -> np.ndarray:
    """Draw the enlarged frame, and below it a pair of bars per action.

    Args:
        image: (h, w, 3) uint8 RGB.
        pairs: two values in [-1, 1] by action, the upper bar and the lower; NaN draws nothing.
        names: of the upper and the lower values.
        caption: below the frame.
        width: of the picture [px].

    Returns:
        (H, width, 3) uint8 RGB; H depends on the image's shape and the number of actions only.
    """
    picture = _resized(image, width)
    scale = width / 640
    size, row, pad = max(0.32, 0.5 * scale), max(15, round(26 * scale)), max(6, round(12 * scale))
    panel = np.full((row * (len(pairs) + 1) + pad, width, 3), PAPER, np.uint8)
    _write(panel, caption, (pad, row - pad // 2), size)
    right = width - pad
    for name, colour in reversed(list(zip(names, COLOURS, strict=False))):
        right -= _length(name, size)
        _write(panel, name, (right, row - pad // 2), size, colour)
        right -= pad
    left = 2 * pad + max((_length(name, size) for name in pairs), default=0)
    end = width - 2 * pad - 2 * _length("-0.00", size) - (pad if width >= WIDE else -_length("-0.00", size))
    for k, (name, values) in enumerate(pairs.items()):
        base = row * (k + 2) - pad // 2
        _write(panel, name, (pad, base), size)
        _pair(panel, values, (left, end), base - round(0.55 * row), base + round(0.15 * row))
        for value, colour, at in zip(values, COLOURS, (1, 2), strict=False):
            if np.isfinite(value) and (width >= WIDE or at == 2):  # small pictures: policy's number only
                column = end + pad + (at - 1) * (_length("-0.00", size) + pad) * (width >= WIDE)
                _write(panel, f"{value:+.2f}", (column, base), size, colour)
    return np.concatenate([picture, panel])


def _pair(panel: np.ndarray, values: tuple[float, float], span: tuple[int, int], top: int, bottom: int) -> None:
    """Draw two thin bars from the middle of a span [px], one above the other."""
    middle, half = (span[0] + span[1]) / 2, (span[1] - span[0]) / 2
    cv2.rectangle(panel, (span[0], top), (span[1], bottom), TRACK, -1)
    between = (top + bottom) // 2
    for value, colour, (upper, lower) in zip(values, COLOURS, ((top, between), (between + 1, bottom)), strict=False):
        if np.isfinite(value):
            end = round(middle + half * float(np.clip(value, -1, 1)))
            cv2.rectangle(panel, (min(round(middle), end), upper), (max(round(middle), end), lower), colour, -1)
    cv2.line(panel, (round(middle), top - 2), (round(middle), bottom + 2), RULE, 1)


def _length(text: str, size: float) -> int:
    return cv2.getTextSize(text, FONT, size, 1)[0][0]


def _write(image: np.ndarray, text: str, at: tuple[int, int], size: float, colour: tuple[int, int, int] = INK) -> None:
    cv2.putText(image, text, at, FONT, size, colour, 1, cv2.LINE_AA)
