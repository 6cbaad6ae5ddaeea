# pyright: reportArgumentType=false
"""`inspect` says what is in a dataset, and finds frames that are not true to their rows."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recorder import CAMERA, record
from relist import relist
from sim2real.datasets import EpisodeDataset, import_tub
from sim2real.datasets.inspection import inspect, rate
from sim2real.reports.pictures.datasets import dataset_sheet, histograms
from tub_maker import line, make_tub


@pytest.fixture
def dataset(tmp_path):
    source = make_tub(tmp_path / "tub", [line(k) for k in range(60)], deleted=range(30, 45))
    import_tub(source, tmp_path / "dataset")
    return EpisodeDataset(tmp_path / "dataset")


def test_a_sound_dataset_passes_and_has_its_figures(dataset):
    inspection = inspect(dataset)
    assert inspection["truth"] and not any(inspection["truth"].values())
    assert (inspection["episodes"], inspection["frames"], inspection["cameras"]) == (2, 45, [CAMERA])
    assert inspection["lengths"] == {"min": 15, "median": 22.5, "max": 30}
    assert inspection["rate"]["median_hz"] == 20 and inspection["rate"]["late"] == 0
    steering = np.concatenate([episode["action"][:, 0] for episode in dataset])
    assert inspection["features"]["action"]["mean"][0] == pytest.approx(steering.mean(), abs=1e-5)
    assert inspection["features"]["action"]["zeros"][0] == pytest.approx((steering == 0).mean(), abs=1e-5)


def test_jitter_is_that_of_the_steps():
    measured = rate(np.array([0.05, 0.05, 0.05, 0.05, 0.15]), 20)
    assert measured == {"median_hz": 20.0, "jitter_ms": 40.0, "p99_ms": 146.0, "longest_ms": 150.0, "late": 0.2}


def altered(dataset, column, change):
    path = next((dataset.root / "data").rglob("*.parquet"))
    table = pq.read_table(path, partitioning=None)
    values = table[column].to_pylist()
    change(values)
    position = table.schema.get_field_index(column)
    pq.write_table(table.set_column(position, column, pa.array(values, table.schema.field(column).type)), path)
    relist(dataset.root)


def swap(values):
    values[3], values[4] = values[4], values[3]


def truncate(values):
    values[5] = {"bytes": values[5]["bytes"][:-50], "path": ""}


@pytest.mark.parametrize(
    ("column", "change", "check", "count"),
    [
        ("action", swap, "state is the last command", 2),
        ("timestamp", lambda v: v.__setitem__(5, 9.0), "timestamp is frame / fps", 1),
        ("index", lambda v: v.__setitem__(5, 77), "index runs on", 2),
        ("recorded_at", swap, "clock does not go back", 1),
        ("action", lambda v: v.__setitem__(5, [float("nan"), 0.0]), "numbers are finite", 1),
        (CAMERA, truncate, f"{CAMERA} readable and of its size", 1),
    ],
)
def test_frames_that_are_not_true_to_their_rows_are_counted(dataset, column, change, check, count):
    altered(dataset, column, change)
    assert inspect(EpisodeDataset(dataset.root))["truth"][check] == count


def test_a_stuck_camera_shows(dataset):
    altered(dataset, CAMERA, lambda v: v.__setitem__(slice(5, 9), [v[5]] * 4))
    assert inspect(EpisodeDataset(dataset.root))["repeated_images"] == 3


def test_videos_are_checked_too(tmp_path):
    record(tmp_path / "set", 2, video=True)
    assert not any(inspect(EpisodeDataset(tmp_path / "set"))["truth"].values())
    next((tmp_path / "set/videos").rglob("*.mp4")).unlink()
    assert inspect(EpisodeDataset(tmp_path / "set"))["truth"][f"{CAMERA} readable and of its size"] == 12


def test_pictures_show_what_is_there(dataset):
    sheet = dataset_sheet(dataset, CAMERA, count=6, columns=3)
    assert sheet.shape == (2 * 120 + 2, 3 * 160 + 4, 3)
    values = np.concatenate([np.zeros(90), np.ones(10)])[:, None]
    drawn = histograms(values, ["steering"], bins=2, size=(200, 100))
    bars = (drawn == (60, 110, 170)).all(2).sum(0)
    assert bars[40] > 0 and 7 <= bars[40] / bars[150] <= 10  # 9 to 1, in whole pixels
