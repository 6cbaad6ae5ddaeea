"""A world that is learned in seconds: a bar in the picture, and the action says where it is."""

import dataclasses

import numpy as np
import torch

from policies.encoder import EncoderConfig
from policies.heads import HeadsConfig
from policies.policy import Policy, PolicyConfig
from policies.preprocessing import Preprocessing
from sim2real.recordings.frames import Frames
from sim2real.transfer.fitting.fit import fit
from sim2real.transfer.fitting.plans import find_plan

SIZE = (24, 40)  # h, w


def tiny_policy(seed: int = 0) -> Policy:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Policy(
            PolicyConfig(
                encoder=EncoderConfig(size=SIZE, width=8),
                heads=HeadsConfig(scalars={"offset": 1}, reduced=8, hidden=16),
                preprocessing=Preprocessing(raw_size=(40, 24), crop=(0, 0, 40, 24), size=(40, 24)),
                action_names=("steering",),
                task="Bars",
            )
        )


def bars(
    episodes: int,
    length: int,
    seed: int,
    *,
    gain: float = 1.0,
    negative: bool = False,
    shuffled: bool = False,
    dim: bool = False,
) -> Frames:
    """Frames in which the middle of a bright bar is at `steering` of the half width, times a gain.

    Args:
        negative: bars are dark on bright: another sensor.
        dim: half the contrast and much noise: another sensor, less different.
        shuffled: actions have nothing to do with the pictures.
    """
    random = np.random.default_rng(seed)
    n = episodes * length
    where = random.uniform(-0.8, 0.8, n)
    columns = np.arange(SIZE[1])
    centre = (SIZE[1] - 1) / 2 * (1 + where)
    bar = np.exp(-(((columns - centre[:, None]) / 3) ** 2))
    picture = 40 + 160 * bar[:, None, :].repeat(SIZE[0], 1) + random.normal(0, 6, (n, *SIZE))
    picture = 255 - picture if negative else picture
    if dim:
        picture = 64 + picture / 2 + random.normal(0, 40, picture.shape)
    images = np.clip(picture, 0, 255).astype(np.uint8)[..., None].repeat(3, -1)
    actions = (gain * where + random.normal(0, 0.05, n)).astype(np.float32)[:, None]
    if shuffled:
        actions = random.permutation(actions)
    episode, row = np.arange(n) // length, np.arange(n) % length
    return Frames(images, actions, episode, row, 0.0, 20.0)


def pretrained() -> Policy:
    """Knows bright bars."""
    plan = dataclasses.replace(find_plan("scratch"), updates=250, augment=0.0, mirror=False, ema=0.95)
    return fit(tiny_policy(), plan, bars(10, 60, seed=1), seed=0).policy
