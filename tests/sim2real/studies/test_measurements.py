"""Measurements: in rounds, each kept when it ends, read again after a stop, and never taken for another."""

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch

from sim2real.progress import NOTHING, Progress, no_stages
from sim2real.studies.measurements import Figures, Measurement, run_measurements

torch.set_num_threads(1)


class Asked:
    """A search of three, and then a final measurement at the best of them; what was really measured is noted."""

    def __init__(self, fail: str = "") -> None:
        self.made: list[str] = []
        self._fail = fail

    def rounds(self, results: Mapping[str, Figures]) -> Sequence[Measurement]:
        search = [self._measurement(f"try-{k}", {"error": (k - 1) ** 2, "at": k}) for k in range(3)]
        if any(each.key not in results for each in search):
            return search
        best = min((results[each.key] for each in search), key=lambda figures: figures["error"])
        return [*search, self._measurement("final", {"at": best["at"], "diverged": float("nan")})]

    def _measurement(self, key: str, figures: Figures) -> Measurement:
        def measure(progress: Progress) -> Figures:
            progress(1, 2)
            if key == self._fail:
                raise ArithmeticError("the physics diverged")
            self.made.append(key)
            return figures

        return Measurement(key, measure)


def test_a_round_follows_from_the_one_before(tmp_path: Path):
    asked, shown = Asked(), {}

    def stages(name: str) -> Progress:
        def report(done: float, total: float, figures: Mapping[str, float] = NOTHING, /) -> None:
            shown[name] = (done, total)

        return report

    results = run_measurements(asked.rounds, tmp_path, stages)
    assert sorted(asked.made) == ["final", "try-0", "try-1", "try-2"]
    assert results["final"] == {"at": 1, "diverged": None}  # as JSON has it, whether measured or read
    assert shown == {"measurements, round 1": (3, 3), "measurements, round 2": (1, 1)}
    assert json.loads((tmp_path / "final.json").read_text()) == results["final"]


def test_what_is_kept_is_read_and_what_is_lost_or_damaged_is_repeated(tmp_path: Path):
    results = run_measurements(Asked().rounds, tmp_path)
    (tmp_path / "try-0.json").unlink()
    (tmp_path / "try-2.json").write_text("{")
    again = Asked()
    assert run_measurements(again.rounds, tmp_path) == results
    assert sorted(again.made) == ["try-0", "try-2"]


def test_an_error_comes_out_and_what_was_measured_stays(tmp_path: Path):
    with pytest.raises(ArithmeticError, match="the physics diverged"):
        run_measurements(Asked(fail="final").rounds, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["try-0.json", "try-1.json", "try-2.json"]
    again = Asked()
    run_measurements(again.rounds, tmp_path)
    assert again.made == ["final"]


def test_an_interruption_stops_what_is_running(tmp_path: Path):
    """The running measurement goes on until its next progress, and leaves nothing; the waiting one never begins."""
    begun, ended, made = threading.Event(), threading.Event(), []

    def endless(progress: Progress) -> Figures:
        begun.set()
        try:
            while True:
                progress(0, 1)
        finally:
            ended.set()

    def stages(name: str) -> Progress:
        def report(done: float, total: float, figures: Mapping[str, float] = NOTHING, /) -> None:
            if begun.is_set():
                raise KeyboardInterrupt

        return report

    def third(progress: Progress) -> Figures:
        made.append("third")
        return {}

    measurements = [Measurement("one", endless), Measurement("two", endless), Measurement("three", third)]
    with pytest.raises(KeyboardInterrupt):
        run_measurements(lambda results: measurements, tmp_path, stages)
    assert ended.wait(60) and not made and not list(tmp_path.iterdir())


def test_two_measurements_of_one_name_are_a_mistake(tmp_path: Path):
    twice = [Measurement("same", lambda progress: {})] * 2
    with pytest.raises(ValueError, match="two measurements have the key same"):
        run_measurements(lambda results: twice, tmp_path, no_stages)
