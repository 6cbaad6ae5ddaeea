"""The comparison of rebuilt tracks with the truth: it finds exactly the errors that a track was given."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebuilt_truth import aligned, beside, compared, interval, lines, scale_of
from sim2real.collection.config import RecordConfig
from sim2real.collection.rehearsal import record_on_rehearsal
from sim2real.datasets.files import read_table, write_tables
from sim2real.files import read_json, write_json
from sim2real.tracks.poses import applied, compose, inverse

NUMBERS = st.floats(-3, 3)
WORLD_FROM_MAP = np.array([0.7, -1.2, 2.1])


@given(NUMBERS, NUMBERS, NUMBERS, st.integers(0, 2**32 - 1))
def test_a_rigid_motion_is_found_in_spite_of_lost_points(x: float, y: float, yaw: float, seed: int):
    random = np.random.default_rng(seed)
    points = random.uniform(-4, 4, (80, 2))
    onto = applied(np.array([x, y, yaw]), points)
    onto[:8] += random.uniform(-5, 5, (8, 2))
    found = aligned(points, onto)
    np.testing.assert_allclose(applied(found, points)[8:], onto[8:], atol=5e-3)


@given(st.floats(0.5, 2), NUMBERS, st.integers(0, 2**32 - 1))
def test_the_scale_is_found_whatever_the_rotation(scale: float, yaw: float, seed: int):
    points = np.random.default_rng(seed).uniform(-6, 6, (100, 2))
    assert scale_of(points, applied(np.array([1.0, 2.0, yaw]), scale * points)) == pytest.approx(scale)


def test_distances_from_a_line_are_those_from_its_segments():
    square = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]])
    points = np.array([[2.0, 0.3], [-0.2, 2.0], [5.0, 5.0], [2.0, 0.0]])
    np.testing.assert_allclose(beside(points, square), [0.3, 0.2, np.sqrt(2), 0.0])
    assert beside(points[1:2], square, closed=False)[0] == pytest.approx(np.hypot(0.2, 2.0))  # the last side is open


def test_an_interval_is_as_wide_as_its_groups_differ():
    groups = np.repeat(np.arange(12), 50)
    alike = interval(lambda rows: float(np.ones(600)[rows].mean()), groups)
    value, low, high = interval(lambda rows: float(groups[rows].mean()), groups)
    assert low is not None and high is not None
    assert alike == (1.0, 1.0, 1.0) and value == 5.5 and 2.0 < high - low < 6.0
    assert interval(lambda rows: float(groups[rows].mean()), groups % 3)[1:] == (None, None)  # of three groups


@pytest.mark.slow
@pytest.mark.parametrize("across", [0.0, 0.02])
def test_a_track_has_the_error_that_it_was_given(tmp_path: Path, across: float):
    """A track made of the truth, moved elsewhere, and a held-out episode that was found to the left of where it was."""
    record_on_rehearsal(tmp_path / "set", RecordConfig(episodes=6, seconds=6.0, layout=1))
    rows = read_table(tmp_path / "set/truth/poses.parquet").to_pydict()
    true = np.column_stack([rows[f"shown_{name}"] for name in ("x", "y", "yaw")])
    held = np.array(rows["episode_index"]) == 5
    poses = compose(inverse(WORLD_FROM_MAP), compose(true, np.column_stack([0 * held, across * held, 0 * held])))
    line = read_json(tmp_path / "set/truth/track.json")["line"]
    points = applied(inverse(WORLD_FROM_MAP), np.array(line["points"]))
    columns = {name: rows[name] for name in ("episode_index", "frame_index")}
    columns |= {name: poses[:, k] for k, name in enumerate(("x", "y", "yaw"))}
    table = pa.table({**columns, "held_out": held})
    (tmp_path / "track").mkdir()
    write_tables(tmp_path / "track/poses.parquet", [table])
    write_json(
        tmp_path / "track/track.json", {"line": {"points": points.tolist(), "closed": True, "width": line["width"]}}
    )
    vehicle = {"delay": {"value": 0.2, "low": None, "high": None}}
    write_json(tmp_path / "track/metrics.json", {"track": {"length": line["length"]}, "vehicle": vehicle})
    figures = compared(tmp_path / "track", tmp_path / "set")
    assert figures["placed"] == 1 and figures["poses"]["map"]["frames"] + figures["poses"]["held out"]["frames"] == 720
    assert figures["scale"] == pytest.approx(1, abs=0.02)
    for name, errors in figures["poses"].items():
        given_error = across if name == "held out" else 0.0
        assert errors["across"]["median"][0] == pytest.approx(given_error, abs=1e-3)
        assert errors["yaw"]["p95"][0] < 1e-3 and errors["along"]["p95"][0] < 1e-3
    assert figures["centre_line"]["p95"] < 1e-3 and figures["centre_line"]["of_truth"]["p95"] < 1e-3
    assert 0.1 < figures["vehicle"]["delay"]["true_motion"]["value"] < 0.35
    assert "centre line: median" in "\n".join(lines("track", figures))
