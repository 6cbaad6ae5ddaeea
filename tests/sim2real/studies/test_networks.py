"""Networks on frozen frames whose picture shows the answer: they learn it, share what they should, and are judged."""

import dataclasses

import numpy as np
import pytest
import torch

from policies import EncoderConfig, HeadsConfig, PolicyConfig, Preprocessing
from sim2real.studies.frames import Frames
from sim2real.studies.networks import TASKS, Judge, Network, new_policy, train_network
from sim2real.studies.trunk_grid import make_arms
from sim2real.training.pretrain_config import DistillationConfig

torch.set_num_threads(1)
HEIGHT, WIDTH, CELLS = 16, 32, (4, 8)
BASE = PolicyConfig(
    EncoderConfig(size=(HEIGHT, WIDTH)),
    HeadsConfig(dict.fromkeys(TASKS["geometry"], 1), {"mask": CELLS}, {"depth": CELLS}, reduced=8, hidden=32),
    Preprocessing(size=(WIDTH, HEIGHT), normalization="none"),
)
SHARED = Network(tuple(TASKS), 6)
RECIPE = DistillationConfig(frames=120 * 32, reuse=1.0, batch_size=32, learning_rate=3e-3, bf16=False)


def bars(n: int, seed: int) -> Frames:
    """A bright bar stands where one should steer to; the mask is what lies right of it, the rest follows from that."""
    random = np.random.default_rng(seed)
    place = random.uniform(-1, 1, n).astype(np.float32)
    columns = np.linspace(-1, 1, WIDTH)
    bar = 200 * np.exp(-(((columns - place[:, None]) / 0.15) ** 2))
    images = (bar[:, None, :, None] + random.uniform(0, 40, (n, HEIGHT, WIDTH, 3))).astype(np.uint8)
    cells = np.linspace(-1, 1, CELLS[1])
    right = np.repeat((cells > place[:, None])[:, None], CELLS[0], 1)
    labels = {
        "action": np.stack([place, 0 * place], 1),
        **{name: sign * place[:, None] for name, sign in zip(TASKS["geometry"], (1, -1, 0.5), strict=True)},
        "mask": (255 * right).astype(np.uint8),
        "depth": np.broadcast_to(127 + 100 * place[:, None, None], right.shape).astype(np.uint8),
    }
    return Frames(images, labels, random.integers(10, 14, n))


@pytest.fixture(scope="module")
def frames() -> Frames:
    return bars(600, 0)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge.of(bars(200, 1), np.arange(200))


def mean_errors(judge: Judge, network: Network, policy: torch.nn.Module) -> dict[str, float]:
    figures = judge.errors(policy, network.tasks)  # type: ignore[arg-type]
    return {task: sum(each) / sum(figures["frames"]) for task, each in figures["errors"].items()}


@pytest.mark.slow
@pytest.mark.parametrize("network", [SHARED, dataclasses.replace(SHARED, mixed=True)])
def test_what_is_shown_is_learned(frames: Frames, judge: Judge, network: Network):
    policy = train_network(network, BASE, frames, RECIPE, 0)
    errors = mean_errors(judge, network, policy)
    assert set(errors) == set(network.tasks)
    assert max(errors.values()) < 0.3, errors  # 1 is as good as a constant


def test_a_seed_gives_the_same_network_again(frames: Frames, judge: Judge):
    short = dataclasses.replace(RECIPE, frames=3 * 32)
    first, again, other = (train_network(SHARED, BASE, frames, short, seed) for seed in (0, 0, 1))
    assert mean_errors(judge, SHARED, first) == mean_errors(judge, SHARED, again)
    assert mean_errors(judge, SHARED, first) != mean_errors(judge, SHARED, other)


def test_a_network_has_the_heads_of_its_tasks_and_begins_as_the_others(frames: Frames):
    shared, single = (new_policy(network.config(BASE), 3) for network in (SHARED, Network(("depth",), 6)))
    for one, other in zip(shared.encoder.parameters(), single.encoder.parameters(), strict=True):
        assert torch.equal(one, other)
    assert single.config.heads.outputs == ("action", "depth")
    assert shared.config.heads.outputs == ("action", *BASE.heads.outputs[1:])
    other = new_policy(SHARED.config(BASE), 4)
    assert not torch.equal(next(shared.encoder.parameters()), next(other.encoder.parameters()))


def test_in_a_mixed_batch_every_frame_has_the_labels_of_one_task(frames: Frames, monkeypatch: pytest.MonkeyPatch):
    seen: dict[str, list] = {}

    def step(learner, images, labels, weights):
        seen[name].append((images.numpy(), {k: v.numpy() for k, v in labels.items()}, weights))
        return {"loss": 0.0}

    monkeypatch.setattr("sim2real.studies.networks.gradient_step", step)
    short = dataclasses.replace(RECIPE, frames=2 * 32)
    networks = {"mixed": dataclasses.replace(SHARED, mixed=True), "shared": SHARED}
    networks |= {task: Network((task,), 6) for task in TASKS}
    for name, network in networks.items():
        seen[name] = []
        train_network(network, BASE, frames, short, 5)
    for update in range(2):
        images, labels, weights = seen["mixed"][update]
        assert len(images) == 4 * 32
        assert weights == pytest.approx({k: v for task in TASKS for k, v in seen[task][update][2].items()})
        for k, task in enumerate(TASKS):  # each task's own frames, with its own labels, as its single network has them
            own = slice(32 * k, 32 * (k + 1))
            assert np.array_equal(images[own], seen[task][update][0])
            for name, values in labels.items():
                if name in TASKS[task]:
                    assert np.array_equal(values[own], seen[task][update][1][name])
                else:
                    assert np.isnan(values[own]).all()
        assert len(seen["shared"][update][0]) == 32
        assert all(np.isfinite(values).all() for values in seen["shared"][update][1].values())


class Given:
    """Predicts what it was given, whatever it is shown."""

    def __init__(self, outputs: dict[str, np.ndarray]) -> None:
        self._outputs = {name: torch.from_numpy(values) for name, values in outputs.items()}

    def __call__(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return self._outputs


def test_a_constant_errs_by_one_and_the_truth_by_nothing():
    frames = bars(200, 2)
    index = np.flatnonzero(frames.layout % 2 == 0)
    judge, (_, labels) = Judge.of(frames, index), frames.rows(index)
    assert judge.layouts.tolist() == [10, 12]
    logits = {"mask": 20 * (labels["mask"] - 0.5)}
    truth = mean_errors(judge, SHARED, Given({**labels, **logits}))  # type: ignore[arg-type]
    assert max(truth.values()) == pytest.approx(0.0, abs=1e-6)
    middle = {name: np.broadcast_to(np.median(values, 0), values.shape).copy() for name, values in labels.items()}
    middle["mask"] = 20 * (middle["mask"] - 0.5)
    constant = mean_errors(judge, SHARED, Given(middle))  # type: ignore[arg-type]
    assert constant == pytest.approx(dict.fromkeys(TASKS, 1.0), rel=0.02)


def test_operations_are_counted_by_hand():
    """A steering network of one channel on 16 x 32 pixels; a head that learns nothing does not count."""
    encoder = [(8 * 16, 25 * 3 * 1), (4 * 8, 9 * 1 * 2), (2 * 4, 9 * 2 * 4), (1 * 2, 9 * 4 * 6), (1 * 2, 9 * 6 * 6)]
    stages = sum(places * each for places, each in encoder)
    trunk = 2 * 6 * 8 + 16 * 32  # 1x1 convolution to 8 channels on 2 places, and 16 features to 32
    action = 32 * 16 + 16 * 2
    assert Network(("steering",), 1).operations(BASE) == stages + trunk + action
    assert Network(("geometry",), 1).operations(BASE) == stages + trunk + 3 * 32
    maps = stages + 2 * 6 * 24 + 24 * 2 * 32 + 32 * 9 * 24
    assert Network(("mask",), 1).operations(BASE) == maps


@pytest.mark.parametrize("width", [1, 12])
def test_narrow_networks_have_about_the_operations_of_the_shared_one(width: int):
    arms = make_arms(width, BASE)
    total = {arm: sum(network.operations(BASE) for network in networks) for arm, networks in arms.items()}
    assert total["mixed"] == total["shared"] < total["separate"]
    channels = {network.width for network in arms["narrow"]}
    assert len(channels) == 1
    (channel,) = channels
    for other in {max(channel - 1, 1), channel + 1}:
        beside = sum(Network((task,), other).operations(BASE) for task in TASKS)
        assert abs(total["narrow"] - total["shared"]) <= abs(beside - total["shared"])
