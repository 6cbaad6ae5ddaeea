"""Genuine recordings, which are not part of the project: in the folder SIM2REAL_REAL, or in ../shared/real."""

import os
from pathlib import Path

import pytest

REAL = Path(os.environ.get("SIM2REAL_REAL", Path(__file__).parents[3] / "shared/real"))


def genuine(name: str) -> Path:
    """A recording's folder, like "so101/lift"; skips the test where it is absent."""
    if not (REAL / name).is_dir():
        pytest.skip(f"no genuine recordings: {REAL / name} is absent (set SIM2REAL_REAL)")
    return REAL / name
