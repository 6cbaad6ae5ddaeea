"""Views from beside the driven line: recorded frames are warped, and their labels corrected.

People drive on the line, so that their frames never show how to return to it. NVIDIA's car learned that from two more
cameras and shifted images (Bojarski et al. 2016, arXiv 1604.07316). Here no camera's geometry is needed: how the action
answers to such a warp is measured on simulated frames, which the pretrained policy understands, and then holds for
places that it does not.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from policies.policy import Policy
from sim2real.evaluation.offline import predict

TURN = 0.0625  # standard deviation of the shift to the side, in image widths: the car is turned
ASIDE = 0.25  # standard deviation of the shift per row, about the top row: the car stands beside the line
WARPED = 0.75  # share of frames that are warped
MEASURED_ON = 1000  # simulated frames, at least, if there are


@dataclass(frozen=True)
class Views:
    """Draws views, and corrects actions for them.

    Attributes:
        response: (2, A) change of the actions with the shift [px of the width] and with the shift per row.
    """

    response: np.ndarray

    def draw(
        self, images: np.ndarray, actions: np.ndarray, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return images (n, h, w, 3) uint8 as from beside the line, and the actions (n, A) float32 for them."""
        warp = _drawn(len(images), images.shape[2], random) * (random.random((len(images), 1)) < WARPED)
        return warped(images, warp), (actions + warp @ self.response).astype(np.float32)


def _drawn(count: int, width: int, random: np.random.Generator) -> np.ndarray:
    """Return (count, 2) shifts [px] and shifts per row."""
    return random.normal(0, [TURN * width, ASIDE], (count, 2))


def warped(images: np.ndarray, warp: np.ndarray) -> np.ndarray:
    """Shift images (n, h, w, 3) to the right by warp[:, 0] px, and row k by k * warp[:, 1] px more; edges repeat."""
    size, out = images.shape[2:0:-1], np.empty_like(images)
    for k, (image, (shift, slant)) in enumerate(zip(images, warp, strict=True)):
        matrix = np.array([[1, slant, shift], [0, 1, 0]])
        out[k] = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return out


def views_of(
    policy: Policy, images: np.ndarray, state: np.ndarray | None, signs: np.ndarray, scale: np.ndarray
) -> Views:
    """Measure how a policy's actions answer to views of simulated frames, by least squares over opposite pairs.

    Args:
        images: (m, h, w, 3) uint8 simulated frames, in any order.
        state: (m, S) state input; None if the policy has none.
        signs: (A,) -1 for actions that change sign when mirrored; the others are not corrected.
        scale: (A,) actions of the recordings for each of the policy's.
    """
    policy = policy.unaligned()
    every = max(len(images) // MEASURED_ON, 1)  # of all times: neighbours are similar
    images, state = images[::every], None if state is None else state[::every]
    warp = _drawn(len(images), images.shape[2], np.random.default_rng(0))
    there, back = (predict(policy, warped(images, each), state, clip=False) for each in (warp, -warp))
    response = np.linalg.lstsq(2 * warp, there - back)[0]
    return Views(response * scale * (signs < 0))
