"""Randomization presets of the arm's tasks; the ranges are in the TOML files of this folder."""

from pathlib import Path

from envs.randomization import Randomization

_HERE = Path(__file__).parent
PRESETS = {"none": Randomization()} | {
    name: Randomization(Randomization.load(_HERE / f"{name}.toml").varied, name)
    for name in ("default", "wide", "rehearsal")
}
