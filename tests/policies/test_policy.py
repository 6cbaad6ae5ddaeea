# pyright: reportArgumentType=false
"""The policy: forward, act, cached features, folded gains, and that it can learn."""

import copy

import cv2
import numpy as np
import pytest
import torch

from policies import EncoderConfig, HeadsConfig, Policy, PolicyConfig, Preprocessing
from policies.encoder import ENCODER_KINDS, reset_parameters
from sim2real.training.losses import multi_task_loss
from sim2real.training.precision import bf16_autocast

torch.set_num_threads(1)
rng = np.random.default_rng(0)
frames = rng.integers(0, 256, (3, 48, 80, 3), dtype=np.uint8)
HEADS = HeadsConfig(scalars={"lane": 3}, masks={"road": (12, 20)}, maps={"depth": (6, 10)})


@pytest.fixture(params=ENCODER_KINDS)
def policy(request: pytest.FixtureRequest) -> Policy:
    torch.manual_seed(0)
    return Policy(PolicyConfig(EncoderConfig(request.param), HEADS))


def lane_pictures(n: int) -> tuple[np.ndarray, np.ndarray]:
    """n pictures (n, 48, 80, 3) of a yellow line on noise, and where its lower end is, from -1 to 1."""
    random = np.random.default_rng(3)
    where = random.uniform(-1, 1, n).astype(np.float32)
    images = random.integers(60, 120, (n, 48, 80, 3), dtype=np.uint8)
    for image, x in zip(images, where, strict=True):
        cv2.line(image, (int(40 + 36 * x), 47), (40, 0), (230, 200, 40), 3)
    return images, where


def test_default_policy_is_small_enough_for_a_raspberry_pi(policy: Policy) -> None:
    assert sum(p.numel() for p in policy.parameters()) <= 1_500_000


def test_forward_gives_every_output_in_float32_even_in_bf16(policy: Policy) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        outputs = policy(torch.from_numpy(frames))
    shapes = {name: tuple(output.shape) for name, output in outputs.items()}
    assert shapes == {"action": (3, 2), "lane": (3, 3), "road": (3, 12, 20), "depth": (3, 6, 10)}
    assert tuple(outputs) == policy.config.heads.outputs
    assert all(output.dtype == torch.float32 for output in outputs.values())


def test_act_gives_the_same_alone_and_in_a_batch(policy: Policy) -> None:
    batch = policy.act({"images.front": frames})
    assert batch.shape == (3, 2) and batch.dtype == np.float32 and np.abs(batch).max() <= 1
    for frame, action in zip(frames, batch, strict=True):
        alone = policy.act({"images.front": frame})
        assert alone.shape == (2,)
        np.testing.assert_allclose(alone, action, atol=1e-5)


def test_act_crops_a_raw_frame_itself(policy: Policy) -> None:
    raw = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    np.testing.assert_array_equal(
        policy.act({"images.front": raw}), policy.act({"images.front": Preprocessing()(raw)[0]})
    )


def test_act_takes_mirrored_and_read_only_frames(policy: Policy) -> None:
    mirrored = frames[:, :, ::-1]
    mirrored.flags.writeable = False
    np.testing.assert_array_equal(policy.act({"images.front": mirrored}), policy.act({"images.front": mirrored.copy()}))


@torch.no_grad()
def test_going_on_from_cached_features_equals_forward(policy: Policy) -> None:
    images = torch.from_numpy(frames)
    expected = policy(images)
    for stage in policy.encoder.stage_names:
        got = policy.heads(policy.encoder.forward_stages(policy.features(images, until=stage), after=stage))
        assert all(torch.equal(got[name], expected[name]) for name in expected)


def test_a_folded_gain_is_exact_and_act_clips_it(policy: Policy) -> None:
    images = torch.from_numpy(frames)
    before = policy(images)["action"].detach()
    policy.heads.action.fold(torch.tensor([0.5, 2.0]), torch.tensor([0.1, 0.0]))
    policy.heads.action.fold(torch.tensor([-2.0, 1.0]), torch.tensor([0.0, 5.0]))
    after = policy(images)["action"].detach()
    expected = torch.stack([-2 * (0.5 * before[:, 0] + 0.1), 2 * before[:, 1] + 5], dim=1)
    torch.testing.assert_close(after, expected)
    assert (policy.act({"images.front": frames})[:, 1] == 1).all()
    reset_parameters(policy.heads)
    assert policy.heads.action.gain.tolist() == [1, 1] and policy.heads.action.offset.tolist() == [0, 0]
    with pytest.raises(ValueError, match="gain must be 2 finite numbers"):
        policy.heads.action.fold(torch.tensor([float("nan"), 1.0]), torch.zeros(2))


def test_state_is_looked_at_only_when_asked_for() -> None:
    torch.manual_seed(0)
    state, other = np.zeros(4, np.float32), np.ones(4, np.float32)
    blind = Policy(PolicyConfig())
    seeing = Policy(PolicyConfig(heads=HeadsConfig(state=4)))
    acts = {p: [p.act({"images.front": frames[0], "state": s}) for s in (state, other)] for p in (blind, seeing)}
    assert np.array_equal(*acts[blind]) and not np.array_equal(*acts[seeing])
    batch = seeing.act({"images.front": frames, "state": np.stack([state, other, state])})
    np.testing.assert_allclose(batch[0], acts[seeing][0], atol=1e-5)


@pytest.mark.parametrize(
    ("observation", "message"),
    [
        ({"images.rear": frames, "images.top": frames}, "'images.front'; cameras present: images.rear, images.top"),
        ({"state": np.zeros(4)}, "cameras present: none"),
        ({"images.front": frames[0], "state": np.array([0, np.nan, 0, 0])}, "state is not finite: 1 bad"),
        ({"images.front": frames[0]}, "needs 'state'; the observation has: images.front"),
        ({"images.front": frames[0], "state": np.zeros(3)}, r"must have shape \(1, 4\), got \(1, 3\)"),
        ({"images.front": frames, "state": np.zeros(4)}, r"must have shape \(3, 4\), got \(1, 4\)"),
        ({"images.front": frames.astype(float), "state": np.zeros(4)}, "uint8"),
    ],
)
def test_a_bad_observation_is_named(observation: dict[str, np.ndarray], message: str) -> None:
    policy = Policy(PolicyConfig(heads=HeadsConfig(state=4)))
    with pytest.raises(ValueError, match=message):
        policy.act(observation)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PolicyConfig(EncoderConfig(size=(96, 160))), "images 80x48, the encoder takes 160x96"),
        (lambda: PolicyConfig(action_names=()), "at least one action"),
        (lambda: HeadsConfig(scalars={"action": 1}), "repeated head name 'action'"),
        (lambda: HeadsConfig(scalars={"x": 1}, maps={"x": (3, 5)}), "repeated head name 'x'"),
        (lambda: HeadsConfig(masks={"road": (0, 5)}), "at least 1"),
        (lambda: Policy()(torch.zeros(1, 3, 48, 80)), r"uint8 of shape \(n, 48, 80, 3\), got float32"),
    ],
)
def test_bad_configuration_is_named(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_frozen_stages_stay_as_they_are_while_others_train(policy: Policy) -> None:
    for name in ("stage2", "stage3"):
        for parameter in policy.encoder.stage_parameters(name):
            parameter.requires_grad_(False)
    before = copy.deepcopy(policy.state_dict())
    optimizer = torch.optim.AdamW([p for p in policy.parameters() if p.requires_grad], lr=0.01)
    for _ in range(2):
        optimizer.zero_grad()
        policy(torch.from_numpy(frames))["action"].square().mean().backward()
        optimizer.step()
    moved = {key.split(".")[2] for key, value in policy.state_dict().items() if not torch.equal(value, before[key])}
    assert {"stem", "stage1", "stage4"} <= moved and not {"stage2", "stage3"} & moved


@pytest.mark.slow
def test_it_overfits_lane_pictures_within_seconds() -> None:
    torch.manual_seed(0)
    pictures, where = lane_pictures(64)
    policy = Policy(PolicyConfig(action_names=("steering",)))
    images, labels = torch.from_numpy(pictures), {"action": torch.from_numpy(where[:, None])}
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-3)
    for _ in range(60):
        with bf16_autocast(images.device):
            outputs = policy(images)
        loss, _ = multi_task_loss(outputs, labels, {"action": 1.0})
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    error = np.abs(policy.act({"images.front": pictures})[:, 0] - where).mean()
    assert error < 0.1, f"mean absolute error {error:.3f}"
