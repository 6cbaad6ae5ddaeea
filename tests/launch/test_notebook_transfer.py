"""Adapting and probing as a notebook does: one function each, whose result has the figures of `metrics.json`."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from drives import SMALL, new_policy, record_drives
from sim2real.checkpoints import load_policy, read_config, save_policy
from sim2real.errors import AlreadyFinished, InputError
from sim2real.evaluation.offline import agreement_on, predict_judged
from sim2real.transfer.adapt import adapt
from sim2real.transfer.adapt_config import AdaptConfig, Overrides
from sim2real.transfer.probe import probe
from sim2real.transfer.probe_config import ProbeConfig

torch.set_num_threads(1)


def metrics_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())


@pytest.fixture
def place(workplace: Path, short_lane: str, few_simulated: None) -> Path:
    """`learn` and `judge`, a few episodes each, and `policy` of a known task, which never learned anything."""
    record_drives(workplace / "learn", [14, 20, 16])
    record_drives(workplace / "judge", [12, 18, 15, 13])
    save_policy(
        workplace / "policy", new_policy(config=dataclasses.replace(SMALL, task="LaneFollow")), {}, "# A policy"
    )
    return workplace


def test_adapt_gives_what_it_writes(place: Path, capsys: pytest.CaptureFixture[str]):
    config = AdaptConfig(
        place / "policy", "learn", "full", "judge", candidates="top-layers", seeds=1, overrides=Overrides(updates=3)
    )
    stages: list[str] = []

    def stage(name: str) -> Any:
        stages.append(name)
        return lambda done, total, figures=None, /: None

    adaptation = adapt(config, place / "run", stages=stage)
    written, outcome = metrics_of(place / "run"), adaptation.outcome
    assert adaptation.folder == place / "run" and adaptation.metrics == written and written["finished"]
    assert list(written["candidates"]) == ["zero-shot", "full", "top-layers", "gain", "scratch"]
    for name, figures in written["candidates"].items():
        for metric, figure in figures["test"].items():
            assert figure["value"] == pytest.approx(outcome.estimates[name][metric].value), (name, metric)
    assert set(written["against"]) == {"zero-shot", "top-layers", "gain", "scratch"}
    # The policy on the disk is the one whose figures these are.
    test = adaptation.inputs.test
    assert test is not None and adaptation.shift is not None and adaptation.choice is None
    measured = agreement_on(test).measure(predict_judged(load_policy(place / "run" / "policy"), test))
    assert measured["mae"].value == pytest.approx(
        written["candidates"][written["output"]]["test"]["mae"]["value"], abs=1e-6
    )
    assert read_config(place / "run" / "policy")["recipe"]["candidate"] == written["output"]
    assert f"candidate `{written['output']}`" in (place / "run" / "policy" / "README.md").read_text()
    # It neither prints nor draws.
    assert {"read recordings", "fit", "compare"} <= set(stages)
    assert capsys.readouterr().out == "" and not (place / "run" / "report.html").exists()
    with pytest.raises(AlreadyFinished, match="nothing to resume"):
        adapt(config, place / "run", resume=True)
    with pytest.raises(InputError, match="exists"):
        adapt(config, place / "run")


def test_probe_gives_what_it_writes(place: Path, capsys: pytest.CaptureFixture[str]):
    probed = probe(ProbeConfig(place / "policy", "learn", simulated=100), place / "probed")
    written = metrics_of(place / "probed")
    assert probed.folder == place / "probed" and probed.metrics == written
    assert written["shift"] == pytest.approx(probed.shift.shift) and written["frames"] == len(probed.frames) == 50
    assert written["recommended"] == probed.shift.recommended and len(probed.simulated.images) == 100
    assert written["zero_shot"]["mae"]["value"] == pytest.approx(probed.shift.zero_shot["mae"].value)
    assert capsys.readouterr().out == "" and not (place / "probed" / "report.html").exists()


def test_what_cannot_be_adapted_or_probed_leaves_nothing(place: Path):
    with pytest.raises(InputError, match="episodes 1, 2 of"):
        adapt(AdaptConfig(place / "policy", "learn", test="learn[1:]"), place / "run")
    with pytest.raises(InputError, match="nowhere"):
        probe(ProbeConfig(place / "policy", "nowhere"), place / "run")
    assert not (place / "run").exists()
