# pyright: reportArgumentType=false
"""The sensor ladder at the smallest size: a policy per rung, all plans, one table; gone on with when interrupted."""

import dataclasses
import functools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bars import bars
from drives import record_drives
from envs import Camera, make_task
from envs.lane_follow.looks import PRESETS
from sim2real.checkpoints import read_config
from sim2real.training.teacher_config import TeacherConfig
from sim2real.transfer import candidates, ladder_config, rungs
from sim2real.transfer.fitting.plans import TransferPlan, find_plan
from sim2real.transfer.ladder_config import LadderConfig
from sim2real.transfer.rungs import RUNGS, climb, summary


def test_each_rung_leaves_out_what_it_says():
    fields = {name: {vary.field for vary in PRESETS[preset].varied} for name, (_, preset) in RUNGS.items()}
    assert "camera.pitch" in fields["matched lens"] and "cam_pos" in fields["matched lens"]
    for name in list(RUNGS)[1:]:
        assert not any(field.startswith("camera.") or field == "cam_pos" for field in fields[name])
    assert "sensor.saturation" in fields["wrong lens, gray"] and "mat_rgba" in fields["wrong lens"]
    assert not any(field.startswith(("mat_", "light_")) for field in fields["wrong lens, one look"])


@pytest.mark.usefixtures("short_lane")
def test_the_wrong_lens_has_the_right_field_of_view(tmp_path: Path):
    right = make_task("LaneFollow").spec.cameras["front"].camera
    wrong = Camera.from_dict(json.loads(rungs._wrong_lens("LaneFollow", tmp_path).read_text()))
    assert wrong.model == "pinhole" and wrong.fx < right.fx
    edge = wrong.unproject([[159.5, wrong.cy]])[0]
    assert abs(edge[0] / edge[2]) == pytest.approx(math.tan(80 / right.fx), rel=0.02)


@pytest.mark.slow
@pytest.mark.usefixtures("short_lane")
def test_every_rung_is_climbed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Of a ladder with one rung for each lens, and two plans."""

    def quick(name: str) -> TransferPlan:
        return dataclasses.replace(find_plan(name), updates=2, passes=0.01)

    monkeypatch.setattr(rungs, "find_plan", quick)
    monkeypatch.setattr(candidates, "find_plan", quick)
    rungs_of = {name: RUNGS[name] for name in ("matched lens", "wrong lens, gray")}
    monkeypatch.setattr(rungs, "RUNGS", rungs_of)
    for module in (rungs, ladder_config):
        monkeypatch.setattr(module, "PLANS", ("sensor-shift", "feature-extraction"))
    monkeypatch.setattr(rungs, "SIMULATED", 100)
    monkeypatch.setattr(
        rungs, "PretrainConfig", functools.partial(rungs.PretrainConfig, width=4, worlds=16, image_size=(40, 24))
    )
    record_drives(tmp_path / "learn", [30, 26, 24])
    record_drives(tmp_path / "judge", [20, 22, 18])
    config = LadderConfig(
        *(str(tmp_path / "learn"), str(tmp_path / "judge")),
        frames="30,60",
        seeds=1,
        pretrain=200,
        teacher_config=TeacherConfig(steps=200, hidden=(8,)),
    )
    said: list[str] = []

    def stage(name: str) -> Any:
        said.append(name)
        return lambda done, total, figures=None, /: None

    rungs_found = summary(climb(config, tmp_path, stage))
    assert set(rungs_found) == set(rungs_of)
    for name, each in rungs_found.items():
        assert set(each["curve"]) == {"30", "60"} and set(each["auto"]) == {"30", "60"}
        behind = each["auto_minus_best"]["60"]
        assert (
            behind["best"] in ("gain", *rungs.PLANS)
            and behind["chosen_on"]["count"] + behind["compared_on"]["count"] == 3
        )
        assert set(each["candidates"]) == {"zero-shot", "gain", "scratch", *rungs.PLANS}
        recipe = read_config(tmp_path / name.replace(", ", "-").replace(" ", "-") / "policy")["recipe"]
        assert bool(recipe["cameras"]) == (name != "matched lens") and recipe["randomization"] == RUNGS[name][1]
    pretrained = sum(": pretrain" in name for name in said)
    assert pretrained == 2
    again = climb(config, tmp_path, stage)
    assert sum(": pretrain" in name for name in said) == pretrained  # nothing was pretrained again
    assert summary(again) == rungs_found


def test_the_best_of_several_is_not_tested_where_it_was_chosen():
    """What happens where one is compared says nothing of which is best, and the other way round."""
    random, test = np.random.default_rng(0), bars(12, 12, seed=0)
    size = {"gain": 0.3, "sensor-shift": 0.1, "feature-extraction": 0.2, "full": 0.25}
    seen = {name: test.done[None] + s * random.normal(0, 1, (1, len(test), 1)) for name, s in size.items()}
    compared = rungs.best_and_behind(test, seen, "full")
    assert compared.best == "sensor-shift" and compared.difference is not None and compared.compared_on is not None
    episodes = {name: set(units.session.tolist()) for name, units in vars(compared).items() if name.endswith("_on")}
    assert not episodes["chosen_on"] & episodes["compared_on"] and len(set.union(*episodes.values())) == 12

    def spoilt(where: str) -> rungs.Behind:
        chosen = np.isin(test.episode, list(episodes[where]))[:, None]
        worse = np.where(chosen, random.normal(0, 1, (1, len(test), 1)), seen["sensor-shift"])
        return rungs.best_and_behind(test, {**seen, "sensor-shift": worse}, "full")

    elsewhere, here = spoilt("compared_on"), spoilt("chosen_on")
    assert elsewhere.best == "sensor-shift" and elsewhere.difference is not None and elsewhere.difference.value < 0
    assert here.best == "feature-extraction"
