"""JPEG quality of files, from their header, and of frames that were compressed before, from the comb that quantization
leaves in the histogram of DCT coefficients."""

import math

import numpy as np
import torch
from torch import Tensor

from sim2real.identification.sensor.jpeg import blocks, tables, to_ycc

QUALITIES = range(10, 100, 5)
STRONG = 0.35  # of 1: mean of cos(2 pi c / step) from which on coefficients c count as quantized
_FINEST = 4.0  # levels: the recorder's own compression and rounding blur combs that are finer


def stored_quality(content: bytes) -> int:
    """Return the quality (1 to 100) of libjpeg whose luma table is nearest to a file's; 0 if it is no JPEG."""
    place = content.find(b"\xff\xdb")
    if not content.startswith(b"\xff\xd8") or place < 0:
        return 0
    wide = (
        content[place + 4] >> 4
    )  # 16-bit steps; tables are in another order than ours, of which the sum knows nothing
    steps = np.frombuffer(content[place + 5 : place + 5 + 64 * (1 + wide)], ">u2" if wide else np.uint8)
    return min(range(1, 101), key=lambda quality: abs(float(tables(quality)[0].sum()) - float(steps.sum())))


def comb(frames: Tensor, quality: int) -> float:
    """Return how well luma coefficients of frames (n, 3, H, W) lie on multiples of a quality's steps, at most 1.

    After Fridrich et al. 2003 (JPEG's double quantization): the characteristic function of the coefficients at the
    frequency 1 / step. Coefficients that are rounded to zero say nothing and are left out. NaN where there are few.
    """
    steps, coefficients = tables(quality)[0], blocks(to_ycc(frames)[:, :1] - 128)[:, 0]
    scores = []
    for u, v in ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (0, 3), (3, 0), (2, 2)):
        step = float(steps[u, v])
        c = coefficients[..., u, v].flatten()
        c = c[c.abs() > 0.6 * step]
        if step >= _FINEST and len(c) >= 100:
            scores.append(float(torch.cos(2 * math.pi * c / step).mean()))
    return float(np.mean(scores)) if len(scores) >= 3 else math.nan


def find_quality(frames: Tensor) -> int:
    """Return the quality (10, 15 … 95) of the coarsest compression that frames show; 0 without one.

    A comb of half the steps passes through all multiples of the whole ones, so that the best, not the first, counts.
    """
    scores = {quality: comb(frames, quality) for quality in QUALITIES}
    known = {quality: score for quality, score in scores.items() if score > STRONG}
    return max(known, key=lambda quality: known[quality]) if known else 0
