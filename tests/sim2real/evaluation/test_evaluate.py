# pyright: reportCallIssue=false
"""`evaluate` called as a notebook calls it: the result has the figures, and metrics.json has the same."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from drives import new_policy, record_drives
from envs import make_task
from policies import Policy
from sim2real.checkpoints import load_policy, save_policy
from sim2real.errors import InputError
from sim2real.evaluation.config import EvaluateConfig
from sim2real.evaluation.evaluate import evaluate
from sim2real.evaluation.results import CorrelationResult, DatasetEvaluation, Evaluation
from sim2real.evaluation.simulation import evaluate_in_simulation
from sim2real.progress import Progress
from sim2real.robots.hardware import Hardware
from sim2real.robots.loopback import Loopback
from sim2real.robots.supervisor import Supervisor
from sim2real.statistics.agreement import Agreement
from sim2real.statistics.rates import RateDifference
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.pretraining import policy_config

torch.set_num_threads(1)


@pytest.fixture
def checkpoints(tmp_path: Path, short_lane: str) -> list[Path]:
    """Three policies that never learned anything."""
    folders = [tmp_path / name for name in ("first", "second", "third")]
    for seed, folder in enumerate(folders):
        torch.manual_seed(seed)
        policy = Policy(policy_config(make_task(short_lane).spec, PretrainConfig(short_lane, width=4)))
        save_policy(folder, policy, {}, "# A policy")
    return folders


class Stages:
    """Notes which stages there were and how far each came."""

    def __init__(self) -> None:
        self.shares: dict[str, float] = {}

    def __call__(self, name: str) -> Progress:
        return lambda done, total, figures={}: self.shares.__setitem__(name, done / total)


def written(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def test_in_simulation(checkpoints: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    stages = Stages()
    result = evaluate(EvaluateConfig(checkpoints[0], episodes=3, seed=5), tmp_path / "run", stages)
    assert isinstance(result, Evaluation) and result.folder == tmp_path / "run"
    assert result.metrics == written(result.folder) and result.metrics["finished"] and not result.interrupted
    policy = load_policy(checkpoints[0])
    preprocessing = policy.config.preprocessing
    expected = evaluate_in_simulation(
        *(policy.act, policy.config.task, 3),
        observations=("state", preprocessing.key),
        first_seed=5,
        image_size=preprocessing.size,
    )
    np.testing.assert_array_equal(result.episodes[0].returns, expected.returns)
    assert result.metrics["success"] == expected.summary()["success"] and result.metrics["success"]["count"] == 3
    assert [row["return"] for row in result.metrics["episodes"]] == pytest.approx(expected.returns.tolist())
    assert stages.shares == {"evaluate": 1.0}
    # It draws nothing and prints nothing.
    assert {path.name for path in result.folder.iterdir()} == {"config.json", "metrics.json"}
    assert capsys.readouterr().out == ""


def test_on_the_rehearsal_robot_with_the_difference_of_two(checkpoints: list[Path], tmp_path: Path):
    stages = Stages()
    config = EvaluateConfig(checkpoints[0], checkpoints[1], on="rehearsal", episodes=4)
    result = evaluate(config, tmp_path / "run", stages)
    assert isinstance(result, Evaluation) and result.metrics == written(result.folder)
    first, second = result.episodes
    assert first.seeds.tolist() == second.seeds.tolist() == [row["seed"] for row in result.metrics["episodes"]]
    assert result.difference is not None and result.settling is not None
    assert result.difference == RateDifference.of(first.success, second.success)
    assert result.metrics["difference"] == result.difference.to_dict()
    assert result.metrics["settling"] == result.settling.to_dict()
    assert result.metrics["against"]["mean_return"] == pytest.approx(second.returns.mean())
    assert stages.shares == {"evaluate": 1.0} and result.checkpoints == tuple(checkpoints[:2])


@pytest.mark.slow
def test_how_simulation_and_rehearsal_correlate(checkpoints: list[Path], tmp_path: Path):
    stages = Stages()
    config = EvaluateConfig(*checkpoints[:2], (checkpoints[2],), on="both", episodes=2)
    result = evaluate(config, tmp_path / "run", stages)
    assert isinstance(result, CorrelationResult) and result.metrics == written(result.folder)
    assert result.metrics["correlation"] == result.correlation.to_dict() and result.correlation.checkpoints == 3
    for side in ("sim", "rehearsal"):
        shares = [entry[side]["success"]["value"] for entry in result.metrics["checkpoints"]]
        assert shares == [rate.value for rate in result.rates[side]]
    assert stages.shares == {"sim": 1.0, "rehearsal": 1.0}
    assert {path.name for path in result.folder.iterdir()} == {"config.json", "metrics.json"}


def test_on_a_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    save_policy(tmp_path / "policy", new_policy(), {}, "# A policy")
    record_drives(tmp_path / "set", [12, 30, 20])
    stages = Stages()
    result = evaluate(EvaluateConfig(tmp_path / "policy", dataset=str(tmp_path / "set")), tmp_path / "run", stages)
    assert isinstance(result, DatasetEvaluation) and result.metrics == written(result.folder)
    main, *further = result.comparisons
    agreement = Agreement(result.frames.done, result.frames.episode)
    expected = agreement.measure(result.predicted[:, :1])
    candidates = result.metrics["candidates"]
    assert set(candidates) == set(main.metrics) == {"policy", "zero", "mean"}
    for name, estimate in expected.items():
        assert candidates["policy"]["set"][name] == pytest.approx(estimate.to_dict())
    assert candidates["zero"]["set"]["mae"]["value"] == pytest.approx(np.abs(result.frames.done).mean(), abs=1e-6)
    assert [comparison.action for comparison in further] == list(result.metrics["further_actions"]) == ["throttle"]
    assert result.metrics["gain"] == {"gain": main.gain, "offset": main.offset}
    assert stages.shares == {"read": 1.0, "predict": 1.0}
    names = {"config.json", "metrics.json", "predictions.parquet"}
    assert {path.name for path in result.folder.iterdir()} == names and capsys.readouterr().out == ""


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    start = Loopback.__init__

    def quickly(self: Loopback, *words, **more) -> None:
        now = [0.0]
        wait = lambda seconds: now.__setitem__(0, now[0] + seconds)  # noqa: E731
        start(self, *words, **{**more, "clock": lambda: now[0], "sleep": wait})

    monkeypatch.setattr(Loopback, "__init__", quickly)


@pytest.mark.usefixtures("no_waiting")
def test_on_a_robot_whose_supervisor_answers_from_python(checkpoints: list[Path], tmp_path: Path):
    answers, asked, freed = iter(["", "s", "", "f"]), [], []

    def ask(question: str) -> str:
        asked.append(question)
        return next(answers)

    supervisor = Supervisor(ask=ask, let_go=lambda robot, holds: freed.append(holds) or robot.close())
    config = EvaluateConfig(checkpoints[0], on="robot", episodes=2, hardware=Hardware("loopback", move=True))
    result = evaluate(config, tmp_path / "run", supervisor=supervisor)
    assert isinstance(result, Evaluation) and result.metrics == written(result.folder)
    assert result.episodes[0].labels == ["success", "failure"] and result.metrics["success"]["value"] == 0.5
    assert len(asked) == 4 and freed == [True]


@pytest.mark.usefixtures("no_waiting")
def test_without_a_supervisor_no_episode_of_a_robot_counts(checkpoints: list[Path], tmp_path: Path):
    config = EvaluateConfig(checkpoints[0], on="robot", episodes=2, hardware=Hardware("loopback", move=True))
    result = evaluate(config, tmp_path / "run")
    assert isinstance(result, Evaluation) and result.interrupted and not result.has_figures
    assert result.metrics == written(result.folder) and result.metrics["episodes"] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: EvaluateConfig(folder / "nowhere"), "no checkpoint folder"),
        (lambda folder: EvaluateConfig(folder / "first", randomization="wild"), "no randomization 'wild'"),
        (lambda folder: EvaluateConfig(folder / "first", dataset=str(folder / "nowhere")), "no such folder"),
        (lambda folder: EvaluateConfig(folder / "first", on="robot"), "no robot is configured"),
    ],
)
@pytest.mark.usefixtures("checkpoints")
def test_bad_input_leaves_nothing(tmp_path: Path, change: Callable[[Path], EvaluateConfig], message: str):
    with pytest.raises(InputError, match=message):
        evaluate(change(tmp_path), tmp_path / "run")
    assert not (tmp_path / "run").exists()
