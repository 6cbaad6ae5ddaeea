"""Laps of candidates: who is handed out."""

from dataclasses import replace

import numpy as np
import pytest

from sim2real.tracks.driving.laps import Laps, Steps
from sim2real.transfer.driven import Driven

COUNT = 20


def laps(interventions: list[int]) -> Laps:
    """Laps of which each had so many interventions."""
    rows = np.arange(COUNT)
    zeros = np.zeros(COUNT)
    steps = Steps(rows, np.zeros(COUNT, int), np.zeros((COUNT, 3)), zeros, zeros, np.zeros((COUNT, 2)), zeros)
    out = np.repeat(rows, interventions)
    return Laps(rows, np.ones(COUNT, bool), steps, out, np.zeros(len(out), int), np.zeros((len(out), 3)))


def driven(**candidates: list[int]) -> Driven:
    return Driven("oval", 20.0, {name.replace("_", "-"): laps(each) for name, each in candidates.items()})


@pytest.mark.parametrize("chosen", ["sensor-shift", "scratch"])
def test_who_drives_overrules_who_predicts(chosen: str):
    found = driven(zero_shot=[0] * 19 + [1], sensor_shift=[2, 1] * 10, scratch=[8, 7] * 10)
    best, why = found.overruled(chosen)
    assert best == "zero-shot"
    assert why.startswith(f"zero-shot drives better than {chosen}: 19 of {COUNT} laps") and "0 of 20 laps" in why


def test_chance_overrules_nobody():
    found = driven(zero_shot=[0] * 20, strange_place=[0] * 19 + [1], gain=[0] * 18 + [1, 1])
    for chosen in found.laps:
        best, why = found.overruled(chosen)
        assert best == chosen and "none has clearly fewer" in why


def test_differences_are_paired_by_lap():
    hard = list(range(COUNT))  # some laps are hard for everybody
    found = driven(zero_shot=[each + 1 for each in hard], sensor_shift=hard)
    assert found.overruled("zero-shot")[0] == "sensor-shift"  # by one in every lap: unpaired it would be lost in noise
    more = found.more("zero-shot", "sensor-shift")
    assert more.value == pytest.approx(1) and more.low == pytest.approx(1)


def test_the_figures_tell_the_difference_to_the_first():
    figures = driven(zero_shot=[0] * 20, scratch=[1] * 20).metrics()
    assert figures["track"] == "oval" and "difference" not in figures["candidates"]["zero-shot"]
    assert figures["candidates"]["scratch"]["difference"]["value"] == -1


def test_laps_out_of_time_are_no_success():
    fast, slow = laps([0] * 19 + [1]), laps([0] * 20)
    slow = replace(slow, finished=np.zeros(COUNT, bool))
    found = Driven("oval", 20.0, {"zero-shot": fast, "gain": slow})
    assert found.overruled("zero-shot")[0] == "zero-shot" and found.overruled("gain")[0] == "zero-shot"
