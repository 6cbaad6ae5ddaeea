"""Presets of what an arm's tasks vary; the ranges are in the TOML files beside this one."""

from pathlib import Path

from envs.randomization import Randomization

_HERE = Path(__file__).parent
PRESETS = {"none": Randomization()} | {
    name: Randomization(Randomization.load(_HERE / f"{name}.toml").varied, name)
    for name in ("default", "wide", "rehearsal")
}
