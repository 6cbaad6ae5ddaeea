"""Contract of every encoder kind: named stages that compose, known shapes, few parameters."""

import pytest
import torch

from policies import EncoderConfig, VisionEncoder
from policies.encoder import ENCODER_KINDS

torch.set_num_threads(1)
SIZES = [(48, 80), (33, 50)]


@pytest.fixture(params=ENCODER_KINDS)
def encoder(request: pytest.FixtureRequest) -> VisionEncoder:
    torch.manual_seed(0)
    return VisionEncoder(EncoderConfig(request.param))


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_stages_have_their_names_and_share_out_all_parameters(encoder: VisionEncoder) -> None:
    assert encoder.stage_names == ("stem", "stage1", "stage2", "stage3", "stage4")
    owned = [p for name in encoder.stage_names for p in encoder.stage_parameters(name)]
    assert len({id(p) for p in owned}) == len(owned) == len(list(encoder.parameters()))
    assert all(any(True for _ in encoder.stage_parameters(name)) for name in encoder.stage_names)


def test_default_encoder_is_small_enough_for_a_raspberry_pi(encoder: VisionEncoder) -> None:
    assert 100_000 < count(encoder) <= 1_500_000


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ENCODER_KINDS)
def test_feature_shape_is_as_the_config_says(kind: str, size: tuple[int, int]) -> None:
    config = EncoderConfig(kind, size, width=8, depth=1)
    encoder = VisionEncoder(config)
    assert encoder(torch.randn(2, 3, *size)).shape == (2, *config.feature_shape)


@torch.no_grad()
def test_running_the_stages_one_by_one_equals_forward(encoder: VisionEncoder) -> None:
    images = torch.randn(3, 3, 48, 80)
    expected, x, below = encoder(images), images, None
    for name in encoder.stage_names:
        x = encoder.forward_stages(x, after=below, until=name)
        below = name
        assert torch.equal(encoder.forward_stages(images, until=name), x)
        assert torch.equal(encoder.forward_stages(x, after=name), expected)
    assert torch.equal(x, expected)


@torch.no_grad()
def test_an_image_gives_the_same_alone_and_in_a_batch(encoder: VisionEncoder) -> None:
    images = torch.randn(5, 3, 48, 80)
    torch.testing.assert_close(encoder.train()(images)[2:3], encoder.eval()(images[2:3]), atol=1e-5, rtol=1e-4)


def test_every_parameter_gets_a_gradient(encoder: VisionEncoder) -> None:
    encoder(torch.randn(2, 3, 48, 80)).square().mean().backward()
    silent = [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_width_and_depth_are_configurable() -> None:
    small, deep = VisionEncoder(EncoderConfig(width=8)), VisionEncoder(EncoderConfig(width=8, depth=3))
    wide = VisionEncoder(EncoderConfig(width=16))
    assert count(small) < count(wide) and count(small) < count(deep)
    assert wide.config.channels[0] == 16


def test_resnet_of_width_64_is_a_resnet18() -> None:
    # torchvision's resnet18 without its last layer has 11,176,512 parameters, 9,408 of them in a 7x7 stem.
    with torch.device("meta"):
        encoder = VisionEncoder(EncoderConfig("resnet18", width=64))
    assert count(encoder) == 11_176_512 - 9_408 + 5 * 5 * 3 * 64


def test_resetting_a_stage_changes_it_alone(encoder: VisionEncoder) -> None:
    before = {name: p.clone() for name, p in encoder.named_parameters()}
    encoder.reset_stages("stage2")
    changed = {name.split(".")[1] for name, p in encoder.named_parameters() if not torch.equal(p, before[name])}
    assert changed == {"stage2"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EncoderConfig("vit"), "unknown encoder kind 'vit'; valid: conv, resnet18"),
        (lambda: EncoderConfig(size=(0, 80)), "at least 16 pixels"),
        (lambda: EncoderConfig(width=0), "width must be at least 1"),
        (lambda: VisionEncoder().stage_parameters("stage9"), "unknown encoder stage 'stage9'; valid: stem, stage1"),
        (lambda: VisionEncoder().reset_stages("head"), "unknown encoder stage 'head'"),
        (lambda: VisionEncoder().forward_stages(torch.zeros(1), "stage2", "stage2"), "no stage to run"),
    ],
)
def test_bad_input_is_named(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
