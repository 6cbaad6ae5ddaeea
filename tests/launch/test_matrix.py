"""The transfer matrix from the command line: every cell once, again after an interruption, one line for bad input."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from drives import SMALL, new_policy, record_drives
from sim2real.checkpoints import save_policy

torch.set_num_threads(1)
ASKED = ("matrix", "--policies", "policy", "--recordings", "learn,judge", "--updates", 2, "--out", "run")


@pytest.fixture(autouse=True)
def made(workplace: Path) -> None:
    record_drives(workplace / "learn", [40, 40, 40])
    record_drives(workplace / "judge", [30, 30])
    policy = new_policy(config=dataclasses.replace(SMALL, task="LaneFollow"))
    save_policy(workplace / "policy", policy, {}, "# A policy")


@pytest.mark.slow
@pytest.mark.usefixtures("few_simulated", "short_lane")
def test_every_cell_is_compared_drawn_and_kept(command: Callable[..., Any], workplace: Path):
    done = command(*ASKED, "--frames", "30,60,all")
    assert done.code == 0 and done.err == "", done
    metrics = json.loads((workplace / "run" / "metrics.json").read_text())
    assert [cell["frames"] for cell in metrics["cells"]] == [30, 60, 120]
    for cell in metrics["cells"]:
        assert set(cell["errors"]) == {"zero-shot", "gain", "scratch", "sensor-shift", "strange-place"}
        chosen, best = (cell["errors"][cell[name]]["value"] for name in ("chosen", "best"))
        assert cell["regret"] == pytest.approx(chosen / best - 1) and cell["regret"] >= 0
    regrets = [cell["regret"] for cell in metrics["cells"]]
    handed = [(cell["errors"][cell["output"]], cell["errors"][cell["best"]]) for cell in metrics["cells"]]
    outputs = [own["value"] / best["value"] - 1 for own, best in handed]
    assert metrics["worst_output_regret"] == pytest.approx(max(outputs))
    assert metrics["worst_regret"] == max(regrets) and metrics["mean_regret"] == pytest.approx(sum(regrets) / 3)
    page = (workplace / "run" / "report.html").read_text()
    assert "policy, learn → judge, 60" in page and "image/svg" in page
    assert "mean" in done.out and "worst" in done.out and "Judged over judge: 2 " in done.out, done.out

    # What is there is read and not fitted again; what is missing is fitted.
    cells = workplace / "run" / "cells"
    kept = {path: path.stat().st_mtime_ns for path in cells.rglob("metrics.json")}
    lost = cells / "0-0-60" / "metrics.json"
    lost.unlink()
    again = command(*ASKED, "--frames", "30,60,all", "--resume")
    assert again.code == 0, again
    assert [path for path in kept if path.stat().st_mtime_ns != kept[path]] == [lost]
    assert json.loads((workplace / "run" / "metrics.json").read_text())["cells"] == metrics["cells"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "needs at least one of --policies and one of --recordings"),
        (("--policies", "policy", "--recordings", "a,b,c"), "a recording is DATASET, or LEARN,TEST, not 'a,b,c'"),
        (("--policies", "policy", "policy", "--recordings", "learn"), "the policy policy is listed twice"),
        (("--policies", "nowhere", "--recordings", "learn"), "nowhere"),
        (("--policies", "policy", "--recordings", "nowhere"), "nowhere"),
        (("--policies", "policy", "--recordings", "learn", "--frames", "many"), "--frames must be numbers"),
    ],
)
def test_bad_input_is_one_line(command: Callable[..., Any], workplace: Path, words: tuple[str, ...], line: str):
    done = command("matrix", *words, "--out", "run")
    assert done.code == 2 and line in done.err and len(done.err.splitlines()) == 1, done
    assert not (workplace / "run").exists()
