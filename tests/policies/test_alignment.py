"""Where a camera looks: images are moved as the numbers say, and a policy keeps them."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from policies import Policy
from policies.alignment import Alignment
from sim2real.checkpoints import load_policy, save_policy

H, W = 32, 48


def picture(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(H, W, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 4)
    return (127 + 100 * smooth / np.abs(smooth).max()).astype(np.float32)


def alignment(*values: float) -> Alignment:
    align = Alignment()
    align.similarity.copy_(torch.tensor(values))
    return align


def test_without_an_alignment_images_are_passed_on():
    images = torch.zeros(2, H, W, 3, dtype=torch.uint8)
    assert Alignment()(images) is images and not Alignment().moves


@given(right=st.floats(-0.15, 0.15), down=st.floats(-0.15, 0.15), zoom=st.floats(-0.1, 0.1), roll=st.floats(-0.2, 0.2))
def test_images_are_moved_as_opencv_moves_them(right, down, zoom, roll):
    image = picture()
    got = alignment(right, down, zoom, roll)(torch.from_numpy(image)[None])[0].numpy()
    scale, x, y = np.exp(zoom), (W - 1) / 2, (H - 1) / 2
    turn = scale * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    shift = np.array([x + right * W / 2, y + down * H / 2]) - turn @ [x, y]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    rows = np.concatenate([turn, shift[:, None]], 1)
    wanted = cv2.warpAffine(image, rows, (W, H), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    np.testing.assert_allclose(got, wanted, atol=2.5)  # OpenCV counts in 32nds of a pixel


def test_it_says_where_a_camera_has_things():
    """A dot that the encoder knows in the middle is seen further right and up, by as much as is said."""
    align = alignment(0.25, -0.25, 0.0, 0.0)
    said = align.in_pixels(W, H)
    assert said == {"right_px": 6.0, "down_px": -4.0, "zoom": 1.0, "roll_deg": 0.0}
    seen = torch.zeros(1, H, W, 3)
    seen[0, H // 2 - 4, W // 2 + 6] = 255.0
    assert align(seen)[0, H // 2, W // 2, 0] > 200


def test_zoom_and_roll_are_what_is_said():
    """What the encoder knows a little right of the middle is seen further out by the zoom, and lower by the roll."""
    align = alignment(0.0, 0.0, float(np.log(1.5)), float(np.pi / 2))
    assert align.in_pixels(W, H)["zoom"] == pytest.approx(1.5) and align.in_pixels(W, H)["roll_deg"] == pytest.approx(
        90.0
    )
    seen = torch.zeros(1, H + 1, W + 1, 3)  # an odd size has a pixel in the middle
    seen[0, H // 2 + 9, W // 2] = 255.0  # a quarter turn clockwise from right is down
    assert align(seen)[0, H // 2, W // 2 + 6, 0] > 200


def test_a_policy_keeps_where_it_looks(tmp_path, policy: Policy):
    images = torch.randint(0, 256, (2, *policy.config.encoder.size, 3), dtype=torch.uint8)
    state = None if not policy.config.heads.state else torch.zeros(2, policy.config.heads.state)
    straight = policy(images, state)["action"]
    policy.align.similarity.copy_(torch.tensor([0.3, 0.0, 0.0, 0.1]))
    aside = policy(images, state)["action"]
    assert not torch.allclose(straight, aside)
    save_policy(tmp_path / "p", policy, {}, "card")
    torch.testing.assert_close(load_policy(tmp_path / "p")(images, state)["action"], aside)


def test_a_policy_of_before_there_was_an_alignment_looks_straight_ahead(tmp_path, policy: Policy, monkeypatch):
    older = {name: value for name, value in policy.state_dict().items() if not name.startswith("align.")}
    monkeypatch.setattr(policy, "state_dict", lambda: older)
    save_policy(tmp_path / "p", policy, {}, "card")
    assert not load_policy(tmp_path / "p").align.moves


@pytest.fixture
def policy() -> Policy:
    torch.manual_seed(0)
    return Policy().eval().requires_grad_(False)
