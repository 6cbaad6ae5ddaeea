"""What lies below an encoder's lowest layer: where the camera looks."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample


class Alignment(nn.Module):
    """Puts images of a camera that looks a little aside, closer or rolled where those of another camera have them.

    Convolutions answer alike wherever a thing is, so that no low layer can undo this; a similarity can (a spatial
    transformer, Jaderberg et al. 2015, of all images alike), and its four numbers need few images. No optimizer moves
    them: they are fitted like a calibration.

    `similarity` (4,) is 0 for no change: how far the image is moved to the left and up [half its width and height],
    the logarithm of the zoom out, and the roll [rad]. What it asks for beyond the edge is the edge's colour.
    """

    def __init__(self) -> None:
        super().__init__()
        self.similarity: Tensor
        self.register_buffer("similarity", torch.zeros(4))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Weights of before there was an alignment look straight ahead."""
        state_dict.setdefault(f"{prefix}similarity", torch.zeros(4))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    @property
    def moves(self) -> bool:
        """Whether images come out other than they went in."""
        return bool(self.similarity.any())

    def in_pixels(self, width: int, height: int) -> dict[str, float]:
        """How images differ from those that the encoder knows: things are so many px further right and down, times so
        large, and turned by so many degrees clockwise, in images of that size."""
        right, down, zoom, roll = self.similarity.tolist()
        aside = {"right_px": right * width / 2, "down_px": down * height / 2}
        return aside | {"zoom": math.exp(zoom), "roll_deg": math.degrees(roll)}

    def forward(self, images: Tensor) -> Tensor:
        """(n, H, W, 3), aligned: float32, or as they are where nothing is to be changed."""
        if not self.moves:
            return images
        x = images.permute(0, 3, 1, 2).to(torch.float32)
        right, down, zoom, roll = self.similarity
        aspect = x.shape[2] / x.shape[3]
        cos, sin = zoom.exp() * roll.cos(), zoom.exp() * roll.sin()
        rows = torch.stack([torch.stack([cos, -sin * aspect, right]), torch.stack([sin / aspect, cos, down])])
        grid = affine_grid(rows.expand(len(x), 2, 3), list(x.shape), align_corners=False)
        return grid_sample(x, grid, padding_mode="border", align_corners=False).permute(0, 2, 3, 1)
