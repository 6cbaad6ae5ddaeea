"""What the version before this one wrote is read, and means what it meant."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from sim2real.checkpoints import load_policy
from sim2real.runs import start_run
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.teacher_config import TrainConfig
from sim2real.transfer.adapt_config import AdaptConfig
from sim2real.transfer.ladder_config import LadderConfig

torch.set_num_threads(1)
FOLDER = Path(__file__).parents[1] / "data" / "predecessor"
OUTPUTS = json.loads((FOLDER / "outputs.json").read_text())
FRAME = cv2.cvtColor(np.asarray(cv2.imread(str(FOLDER / "frame.png"))), cv2.COLOR_BGR2RGB)


def outputs_of(folder: Path) -> dict[str, list[float]]:
    policy = load_policy(folder)
    with torch.inference_mode():
        outputs = policy(torch.from_numpy(policy.config.preprocessing(FRAME)))
    action = policy.act({"images.front": FRAME[None]})[0].tolist()
    return {"action": action} | {name: outputs[name][0].tolist() for name in policy.config.heads.scalars}


def assert_acts_as_it_did(folder: Path) -> None:
    outputs = outputs_of(folder)
    assert outputs.keys() == OUTPUTS.keys()
    for name, values in OUTPUTS.items():
        np.testing.assert_allclose(outputs[name], values, rtol=0, atol=1e-5, err_msg=name)


def test_a_policy_of_the_version_before_acts_as_it_did():
    assert np.abs(OUTPUTS["action"]).max() > 0.05  # far from the output of a network that does nothing
    assert_acts_as_it_did(FOLDER / "policy")


@pytest.mark.parametrize(
    ("part", "name"),
    [("heads", "state"), ("heads", "reduced"), ("encoder", "depth"), ("preprocessing", "normalization")],
)
def test_a_field_that_was_not_written_yet_has_its_value_of_then(tmp_path: Path, part: str, name: str):
    folder = Path(shutil.copytree(FOLDER / "policy", tmp_path / "policy"))
    content = json.loads((folder / "config.json").read_text())
    del content["policy"][part][name]
    (folder / "config.json").write_text(json.dumps(content))
    assert_acts_as_it_did(folder)


@pytest.mark.parametrize("place", ["encoder", None])
def test_a_field_of_a_later_version_is_refused(tmp_path: Path, place: str | None):
    folder = Path(shutil.copytree(FOLDER / "policy", tmp_path / "policy"))
    content = json.loads((folder / "config.json").read_text())
    (content["policy"][place] if place else content["policy"])["dropout"] = 0.1
    (folder / "config.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"config\.json does not describe a policy: \w+Config has no field dropout"):
        load_policy(folder)


@pytest.mark.parametrize(
    ("command", "asked", "expected"),
    [
        ("train", TrainConfig("LaneFollow"), {"worlds": 64, "evaluate": 0}),
        ("pretrain", PretrainConfig("LaneFollow"), {"width": 4, "image_size": (48, 32), "teacher": "runs/teacher"}),
        ("adapt", AdaptConfig(Path("runs/policy"), "set"), {"plan": "full", "seeds": 2}),
        ("ladder", LadderConfig("set", "set"), {"dataset": "datasets/track_1", "seeds": 2}),
    ],
)
def test_a_run_of_the_version_before_goes_on_with_its_settings(
    tmp_path: Path, command: str, asked: Any, expected: dict[str, Any]
):
    shutil.copy(FOLDER / "runs" / f"{command}.json", tmp_path / "config.json")
    run, config = start_run(command, asked, tmp_path, resume=True)
    assert run.resumed and {name: getattr(config, name) for name in expected} == expected


def test_what_was_called_an_arm_then_is_a_candidate_now(tmp_path: Path):
    content = json.loads((FOLDER / "runs" / "adapt.json").read_text())
    content["config"]["arms"] = "top-layers,feature-extraction"
    (tmp_path / "config.json").write_text(json.dumps(content))
    asked = AdaptConfig(Path("runs/policy"), "set")
    _, config = start_run("adapt", asked, tmp_path, resume=True)
    assert config.candidates == "top-layers,feature-extraction"
    content["config"]["candidates"] = "gain"  # which of the two counts, nobody can say
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="AdaptConfig has no field arms"):
        start_run("adapt", asked, tmp_path, resume=True)
