# pyright: reportAttributeAccessIssue=false
"""Patterns that multiply a material's colour, selected per world by `mat_texid`."""

import cv2
import mujoco
import numpy as np

TEXTURES = ("plain", "noise", "panels")


def texture(name: str) -> np.ndarray:
    """Return (64, 64, 3) uint8, bright on average, since a texture multiplies its material's colour."""
    random = np.random.default_rng(7)
    image = np.full((64, 64), 255.0)
    if name == "noise":
        image = cv2.GaussianBlur(random.uniform(0, 255, (64, 64)), (0, 0), 2, borderType=cv2.BORDER_REFLECT)
        image = 165 + 90 * (image - image.min()) / np.ptp(image)
    if name == "panels":
        image = np.repeat(random.choice([90.0, 160.0, 215.0, 255.0], (2, 8)), 8, 1).repeat(32, 0)
    return np.repeat(image.astype(np.uint8)[..., None], 3, 2)


def add_textures(spec: mujoco.MjSpec) -> None:
    """Add all TEXTURES, in that order."""
    for name in TEXTURES:
        spec.add_texture(name=name, type=mujoco.mjtTexture.mjTEXTURE_2D, width=64, height=64, nchannel=3,
                         data=texture(name).ravel().tolist())  # fmt: skip
