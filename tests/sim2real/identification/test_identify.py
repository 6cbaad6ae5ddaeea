"""`identify` as a notebook calls it: no console, figures in hand that are those of the run's folder."""

import json
from pathlib import Path

import numpy as np
import pytest

import arm_logs
from sim2real.errors import InputError
from sim2real.identification import fit_servos
from sim2real.identification.config import IdentifyConfig
from sim2real.identification.identify import identify
from sim2real.progress import Progress, silent


@pytest.mark.slow
def test_a_notebook_gets_the_figures_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(fit_servos, "ITERATIONS", (2, 1))
    monkeypatch.setattr(fit_servos, "ROUNDS", 1)
    root = arm_logs.write(tmp_path / "logs", arm_logs.logs(arm_logs.parameters(), 5, seconds=2))
    names: list[str] = []

    def stages(name: str) -> Progress:
        names.append(name)
        return silent

    result = identify(IdentifyConfig("so101", str(root)), tmp_path / "run", stages)
    assert capsys.readouterr() == ("", "")
    assert names[0] == "read" and names[-1] == "judge" and "measure identifiability" in names
    assert {path.name for path in result.folder.iterdir()} == {
        *("config.json", "metrics.json", "randomization.toml", "robot.json"),
    }
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    assert result.metrics == metrics and metrics["finished"]
    assert metrics["heldout_rmse_after"] == result.judgement.after.rmse() < result.judgement.before.rmse()
    assert metrics["episodes_heldout"] == [log.index for log in result.split.held_out]
    servos = json.loads((tmp_path / "run/robot.json").read_text())["servos"]
    gains = [servos[joint]["gain"]["value"] for joint in result.servos.joints]
    np.testing.assert_allclose(gains, result.servos.values["gain"])
    error = {name: np.abs(angles - result.typical.state).mean() for name, angles in result.replays.items()}
    assert error["identified"] < error["published"]


def test_bad_input_is_told_before_anything_is_written(tmp_path: Path):
    with pytest.raises(InputError, match="no robot 'koch'"):
        identify(IdentifyConfig("koch", str(tmp_path / "logs")), tmp_path / "run")
    with pytest.raises(InputError, match="no such folder"):
        identify(IdentifyConfig("so101", str(tmp_path / "logs")), tmp_path / "run")
    assert not list(tmp_path.iterdir())
