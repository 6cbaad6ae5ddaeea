"""Alignment of camera images before the encoder."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample


class Alignment(nn.Module):
    """Transforms images of a slightly shifted, closer or rolled camera to those of another camera.

    Convolutions are translation-equivariant, so that low layers cannot compensate this; a similarity transform can (a
    spatial transformer, Jaderberg et al. 2015, the same for all images), and its four parameters need few images. They
    are not trained by the optimizer but fitted like a calibration.

    `similarity` (4,) is 0 for no change: shift of the image to the left and up [half its width and height], logarithm
    of the zoom out, and roll [rad]. Pixels beyond the edge get the edge's colour.
    """

    def __init__(self) -> None:
        super().__init__()
        self.similarity: Tensor
        self.register_buffer("similarity", torch.zeros(4))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Load weights; those of versions without alignment get none."""
        state_dict.setdefault(f"{prefix}similarity", torch.zeros(4))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    @property
    def moves(self) -> bool:
        """Return whether the alignment changes images."""
        return bool(self.similarity.any())

    def in_pixels(self, width: int, height: int) -> dict[str, float]:
        """Return how images of this size differ from the encoder's: objects are shifted to the right and down [px],
        enlarged by a factor, and rotated clockwise [degrees]."""
        right, down, zoom, roll = self.similarity.tolist()
        aside = {"right_px": right * width / 2, "down_px": down * height / 2}
        return aside | {"zoom": math.exp(zoom), "roll_deg": math.degrees(roll)}

    def forward(self, images: Tensor) -> Tensor:
        """Return aligned images (n, H, W, 3), float32, or unchanged without an alignment."""
        if not self.moves:
            return images
        x = images.permute(0, 3, 1, 2).to(torch.float32)
        grid = self.grid(x.shape[2], x.shape[3]).expand(len(x), -1, -1, -1)
        return grid_sample(x, grid, padding_mode="border", align_corners=False).permute(0, 2, 3, 1)

    def grid(self, height: int, width: int) -> Tensor:
        """Return where the pixels of aligned images are in the camera's, (1, H, W, 2) as for `grid_sample`."""
        right, down, zoom, roll = self.similarity
        aspect = height / width
        cos, sin = zoom.exp() * roll.cos(), zoom.exp() * roll.sin()
        rows = torch.stack([torch.stack([cos, -sin * aspect, right]), torch.stack([sin / aspect, cos, down])])
        return affine_grid(rows[None], [1, 3, height, width], align_corners=False)
