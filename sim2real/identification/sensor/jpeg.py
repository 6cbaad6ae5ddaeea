"""Baseline JPEG with full chroma resolution, as `envs.image_formation.jpeg` applies it.

Tables and their scaling: ITU-T T.81, annex K.1, and libjpeg's `jpeg_quality_scaling`.
"""

import math

import torch
from torch import Tensor

_LUMA = """16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"""
_CHROMA = """17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99"""
_YCC = torch.tensor([[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]])
_RGB = torch.tensor([[1.0, 0.0, 1.402], [1.0, -0.344136286, -0.714136286], [1.0, 1.772, 0.0]])


def _dct() -> Tensor:
    """Return the orthonormal DCT-II matrix (8, 8)."""
    k, x = torch.arange(8.0)[:, None], torch.arange(8.0)
    rows = torch.cos((2 * x + 1) * k * math.pi / 16) / 2
    rows[0] /= math.sqrt(2)
    return rows


_DCT = _dct()


def tables(quality: int) -> Tensor:
    """Return quantization steps (3, 8, 8) of Y, Cb and Cr at a quality from 1 to 100; rows are vertical frequencies."""
    luma, chroma = (torch.tensor([int(v) for v in text.split()]) for text in (_LUMA, _CHROMA))
    base = torch.stack([luma, *[torch.cat([chroma, torch.full((32,), 99)])] * 2]).reshape(3, 8, 8)
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return ((base * scale + 50) // 100).clamp(1, 255).float()


def to_ycc(images: Tensor) -> Tensor:
    """Return Y, Cb, Cr (n, 3, H, W), chroma about 0, of RGB images (n, 3, H, W)."""
    return torch.einsum("kc,nchw->nkhw", _YCC, images)


def blocks(planes: Tensor) -> Tensor:
    """Return DCT coefficients (n, k, H / 8, W / 8, 8, 8) of planes (n, k, H, W), whose sides are multiples of 8."""
    n, k, height, width = planes.shape
    cells = planes.reshape(n, k, height // 8, 8, width // 8, 8)
    return torch.einsum("ua,nkyaxb,vb->nkyxuv", _DCT, cells, _DCT)


def from_blocks(coefficients: Tensor) -> Tensor:
    """Return the planes (n, k, H, W) of DCT coefficients (n, k, H / 8, W / 8, 8, 8)."""
    n, k, rows, columns = coefficients.shape[:4]
    cells = torch.einsum("ua,nkyxuv,vb->nkyaxb", _DCT, coefficients, _DCT)
    return cells.reshape(n, k, 8 * rows, 8 * columns)


def compressed(images: Tensor, quality: int) -> Tensor:
    """Return RGB images (n, 3, H, W), 0-255, after compression and decompression at a quality from 1 to 100."""
    height, width = images.shape[2:]
    padded = torch.nn.functional.pad(images, (0, -width % 8, 0, -height % 8), mode="replicate")
    planes = torch.round(to_ycc(padded)) - torch.tensor([128.0, 0.0, 0.0])[:, None, None]
    steps = tables(quality)[None, :, None, None]
    planes = torch.round(from_blocks(torch.round(blocks(planes) / steps) * steps))
    planes = planes + torch.tensor([128.0, 0.0, 0.0])[:, None, None]
    rgb = torch.einsum("kc,nchw->nkhw", _RGB, planes.clamp(-128, 255))
    return torch.round(rgb).clamp(0, 255)[..., :height, :width]
