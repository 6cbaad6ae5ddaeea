"""Cells are the same drives in other pictures; the parts on transfer from recording to page, at a tiny size."""

from pathlib import Path

import numpy as np
import pytest

from bars import tiny_policy
from envs import make_task
from policies.policy import Policy
from sim2real.checkpoints import save_policy
from sim2real.errors import InputError
from sim2real.progress import no_stages
from sim2real.reports.pages.study import study_lines, write_study_report
from sim2real.studies import cells
from sim2real.studies.cells import make_cells, open_policy
from sim2real.studies.study import study
from sim2real.studies.study_config import StudyConfig
from sim2real.studies.transfer_config import TransferConfig
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.pretraining import policy_config

PARTS = ("similarity-size", "freeze-depth", "learning-rate")
TINY = TransferConfig(
    cells=("near", "sensor"),
    sizes=(20, 0),
    depth_size=20,
    plans=("sensor-shift", "scratch"),
    rates=(1.0, 0.1),
    learned=2,
    judged=6,
    seconds=1.0,
    every=4,
    updates=1,
)


@pytest.fixture
def policy(short_lane: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An untrained policy of LaneFollow, and few simulated frames."""
    monkeypatch.setattr(cells, "SIMULATED", 48)
    config = policy_config(make_task(short_lane).spec, PretrainConfig(short_lane))
    save_policy(tmp_path / "policy", Policy(config), {}, "A test.\n")
    return tmp_path / "policy"


@pytest.mark.slow
def test_cells_are_the_same_drives_in_other_pictures(policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = make_cells(("near", "sensor", "task"), policy, TINY, tmp_path, no_stages)
    near, sensor, task = made.values()
    assert np.array_equal(sensor.judged.images, 255 - near.judged.images)
    assert not np.array_equal(task.judged.images, near.judged.images)
    for other in (sensor, task):
        assert np.array_equal(other.judged.actions, near.judged.actions)
        assert np.array_equal(other.material.frames.actions, near.material.frames.actions)
    assert near.material.frames.session is not None and near.judged.session is not None
    assert not set(near.material.frames.session) & set(near.judged.session)
    assert len(near.judged.units()) == 6 and near.judged.units().kind == "session"
    monkeypatch.setattr(cells, "record", None)  # recordings of an earlier start are read
    again = make_cells(("near",), policy, TINY, tmp_path, no_stages)["near"]
    assert np.array_equal(again.judged.images, near.judged.images)


@pytest.mark.slow
def test_parts_end_in_verdicts_and_a_page(policy: Path, tmp_path: Path):
    done = study(StudyConfig(parts=PARTS, policy=policy, seeds=1, transfer=TINY), tmp_path / "run")
    lines = study_lines(done)
    claims = [verdict["claim"] for name in PARTS for verdict in done.metrics["parts"][name]["verdicts"]]
    assert "Copied weights want a smaller learning rate than training from scratch" in claims
    assert (
        sum("another sensor" in claim or "the sensor differs" in claim for claim in claims) == 3
    )  # 40 frames are not many
    assert any(line.endswith("similarity-size: cells task, light.") for line in lines), lines
    assert {path.stem for path in (tmp_path / "run" / "freeze-depth").glob("near-*")} - {"near-zero-shot"} == {
        f"near-20-{name}-0"
        for name in (
            "head-only",
            "everything",
            *(f"{which}-{k}" for which in ("lowest", "highest") for k in range(1, 5)),
        )
    }
    assert [place["frames"] for place in done.metrics["parts"]["learning-rate"]["places"]] == [20, 40, 20, 40]
    write_study_report(tmp_path / "report.html", done, "sim2real study")
    page = (tmp_path / "report.html").read_text()
    assert all(heading in page for heading in ("Data size and similarity", "Freeze depth", "Learning rate of copied"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cells": ("far",)}, "no cell 'far'"),
        ({"plans": ("gain",)}, "no plan 'gain' to compare"),
        ({"rates": (0.1,)}, "rates must be positive, and have 1"),
        ({"rates": (1.0,)}, "a smaller one"),
        ({"sizes": (50, 50)}, "sizes must be different ones"),
        ({"judged": 1}, "need 2 sessions"),
        ({"every": 0}, "every must be at least 1"),
        ({"sizes": (-1,)}, "sizes and choices"),
    ],
)
def test_settings_that_cannot_be_measured_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        StudyConfig(transfer=TransferConfig(**settings))


def test_a_policy_of_another_task_is_refused(tmp_path: Path):
    save_policy(tmp_path / "bars", tiny_policy(), {}, "A test.\n")
    with pytest.raises(InputError, match="was made for 'Bars': a study needs one for LaneFollow"):
        open_policy(tmp_path / "bars")
