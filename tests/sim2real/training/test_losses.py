"""Missing labels: exactly zero gradient to their heads, the others untouched."""

import pytest
import torch

from policies import EncoderConfig, HeadsConfig, Policy, PolicyConfig
from sim2real.training.losses import multi_task_loss

torch.set_num_threads(1)
WEIGHTS = {"action": 1.0, "offset": 0.5, "road": 0.3, "depth": 0.2}
NAN = float("nan")


@pytest.fixture
def policy() -> Policy:
    torch.manual_seed(0)
    heads = HeadsConfig(scalars={"offset": 1}, masks={"road": (12, 20)}, maps={"depth": (6, 10)})
    return Policy(PolicyConfig(EncoderConfig(width=8), heads))


def batch(n: int = 6) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (n, 48, 80, 3), dtype=torch.uint8, generator=generator)
    labels = {
        "action": torch.rand(n, 2, generator=generator) * 2 - 1,
        "offset": torch.randn(n, 1, generator=generator),
        "road": torch.randint(0, 2, (n, 12, 20), dtype=torch.uint8, generator=generator),
        "depth": torch.rand(n, 6, 10, generator=generator),
    }
    return images, labels


def gradients(policy: Policy, images: torch.Tensor, labels: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    policy.zero_grad(set_to_none=False)
    for parameter in policy.parameters():
        parameter.grad = torch.zeros_like(parameter)
    multi_task_loss(policy(images), labels, WEIGHTS, masks=policy.config.heads.masks)[0].backward()
    return {name: p.grad.clone() for name, p in policy.named_parameters() if p.grad is not None}


def missing(labels: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    return torch.full_like(labels[name], 255 if labels[name].dtype == torch.uint8 else NAN)


@pytest.mark.parametrize(
    ("name", "head"),
    [("action", "heads.action"), ("offset", "heads.scalars"), ("road", "heads.maps.road"), ("depth", "heads.maps.d")],
)
def test_a_label_missing_everywhere_gives_its_head_zero_gradient_and_the_others_theirs(policy, name, head) -> None:
    images, labels = batch()
    full = gradients(policy, images, labels)
    marked = gradients(policy, images, {**labels, name: missing(labels, name)})
    absent = gradients(policy, images, {k: v for k, v in labels.items() if k != name})
    heads_of_others = [k for k in full if k.startswith("heads.") and "trunk" not in k and not k.startswith(head)]
    for key in (k for k in full if k.startswith(head)):
        assert full[key].any() and not marked[key].any() and not absent[key].any()
    for key in heads_of_others:
        assert torch.equal(full[key], marked[key]) and torch.equal(full[key], absent[key])
    for key in full:
        torch.testing.assert_close(marked[key], absent[key])


def test_a_sample_without_labels_changes_nothing(policy) -> None:
    images, labels = batch()
    with_one_more = {k: torch.cat([v, missing(labels, k)[:1]]) for k, v in labels.items()}
    expected = gradients(policy, images, labels)
    got = gradients(policy, torch.cat([images, images[:1] ^ 255]), with_one_more)
    for key in expected:
        torch.testing.assert_close(got[key], expected[key], atol=1e-6, rtol=1e-4)


def test_parts_are_the_plain_losses_and_the_total_their_weighted_sum(policy) -> None:
    images, labels = batch()
    outputs = policy(images)
    total, parts = multi_task_loss(outputs, labels, WEIGHTS, masks=("road",))
    error = (outputs["action"] - labels["action"]).abs()
    huber = torch.where(error < 0.1, error**2 / 0.2, error - 0.05).mean()
    p, y = outputs["road"].sigmoid(), labels["road"].float()
    entropy = -(y * p.log() + (1 - y) * (1 - p).log()).mean()
    torch.testing.assert_close(parts["action"], huber.detach())
    torch.testing.assert_close(parts["road"], entropy.detach())
    torch.testing.assert_close(total, torch.stack([WEIGHTS[k] * parts[k] for k in parts]).sum())


def test_a_part_without_any_label_reads_nan_and_leaves_the_total_finite(policy) -> None:
    images, labels = batch()
    total, parts = multi_task_loss(policy(images), {**labels, "depth": missing(labels, "depth")}, WEIGHTS, ("road",))
    assert parts["depth"].isnan() and total.isfinite() and total.requires_grad


def test_bad_input_is_named(policy) -> None:
    images, labels = batch()
    outputs = policy(images)
    with pytest.raises(ValueError, match="unknown outputs speed; valid: action, offset, road, depth"):
        multi_task_loss(outputs, labels, {"speed": 1.0})
    with pytest.raises(ValueError, match=r"label 'action' has shape \(6, 1\), its output \(6, 2\)"):
        multi_task_loss(outputs, {"action": labels["action"][:, :1]}, WEIGHTS)
    with pytest.raises(ValueError, match="no label to train on"):
        multi_task_loss(outputs, {}, WEIGHTS)
