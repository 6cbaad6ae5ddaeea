"""Import of tubs: every record gets one verdict, the right one, and what is kept is what was recorded."""

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from sim2real.datasets import DatasetError, EpisodeDataset, Rules, TubImport, import_tub
from sim2real.datasets.donkeycar.importer import CAMERA
from sim2real.datasets.donkeycar.record import Verdict
from sim2real.datasets.donkeycar.tub import read_tub
from sim2real.errors import InputError
from tub_maker import START, jpeg, line, make_tub


def imported(tmp_path: Path, lines, rules: Rules = Rules(), **tub) -> tuple[dict, EpisodeDataset]:
    source = make_tub(tmp_path / "tub", lines, **tub)
    report = import_tub(source, tmp_path / "dataset", TubImport(rules))
    assert sum(report["account"].values()) == report["records"]
    dataset = EpisodeDataset(tmp_path / "dataset")
    assert dataset.frames == report["account"]["kept"]
    return report, dataset


def dropped(report: dict) -> dict[str, int]:
    return {name: count for name, count in report["account"].items() if count and name != "kept"}


def numbers(dataset: EpisodeDataset) -> list[list[int]]:
    """Which records became which frames, by their images."""
    names = [episode._cells[CAMERA].to_pylist() for episode in dataset]
    return [[int(cell["path"].split("_")[0]) for cell in cells] for cells in names]


def test_frames_are_the_records(tmp_path):
    _, dataset = imported(tmp_path, [line(k) for k in range(50)])
    episode = dataset.episode(0)
    assert len(dataset) == 1
    action = np.array([[line(k)["user/angle"], 0.4] for k in range(50)], np.float32)
    np.testing.assert_array_equal(episode["action"], action)
    np.testing.assert_array_equal(episode["observation.state"], np.r_[np.zeros((1, 2), np.float32), action[:-1]])
    np.testing.assert_allclose(episode["timestamp"], np.arange(50) / 20, atol=1e-6)
    np.testing.assert_allclose(episode["recorded_at"], START / 1000 + np.arange(50) / 20, atol=1e-3)
    assert [episode.encoded(CAMERA, k) for k in range(50)] == [jpeg(k) for k in range(50)]
    assert episode.task == "follow the road"
    assert dataset.features["action"].names == ("steering", "throttle")


def test_owner_deleted_records_are_left_out_unless_asked_for(tmp_path):
    report, dataset = imported(tmp_path, [line(k) for k in range(60)], deleted=range(20, 40))
    assert dropped(report) == {"owner_deleted": 20}
    assert numbers(dataset) == [list(range(20)), list(range(40, 60))]
    report, dataset = imported(tmp_path / "all", [line(k) for k in range(60)], Rules(True), deleted=range(20, 40))
    assert dropped(report) == {}
    assert numbers(dataset) == [list(range(60))]


def earlier(index: int) -> dict:
    return line(index, _session_id="22-10-26_0", _timestamp_ms=START - 10_000_000 + index * 50)


def test_lines_whose_image_was_overwritten_are_stale_wherever_they_stand(tmp_path):
    old, new = [earlier(k) for k in range(30)], [line(k) for k in range(20)]
    for name, lines in {"before": old + new, "behind": new + old}.items():
        report, dataset = imported(tmp_path / name, lines)
        assert dropped(report) == {"stale": 20}
        assert numbers(dataset) == [list(range(20)), list(range(20, 30))]  # the old recording's end is its own
        assert dataset.episode(0)["recorded_at"][0] == START / 1000


def test_a_line_is_stale_although_the_one_that_replaced_it_is_lost(tmp_path):
    new: list = [line(k) for k in range(20)]
    new[7] = json.dumps(new[7])[:40]
    report, dataset = imported(tmp_path, [*(earlier(k) for k in range(10)), *new])
    assert dropped(report) == {"stale": 10, "malformed": 1}
    assert 7 not in numbers(dataset)[0]


def test_a_repeated_line_is_a_duplicate(tmp_path):
    lines = [line(k) for k in range(20)]
    report, dataset = imported(tmp_path, [*lines[:10], lines[9], *lines[10:], lines[3]])
    assert dropped(report) == {"duplicate": 2}
    assert numbers(dataset) == [list(range(20))]


def test_catalogs_that_the_manifest_does_not_name_are_not_used(tmp_path):
    lines = [line(k) for k in range(10)] + [earlier(k) for k in range(10, 20)]
    report, _ = imported(tmp_path, lines, per_catalog=10, listed=["catalog_0.catalog", "catalog_7.catalog"])
    assert dropped(report) == {"unlisted": 10}
    assert report["missing_catalogs"] == ["catalog_7.catalog"]


def test_damaged_records_cost_themselves_only(tmp_path):
    lines: list = [line(k) for k in range(30)]
    lines[3] = line(3, **{"user/angle": float("nan")})
    lines[5] = line(5, **{"user/throttle": None})
    lines[6] = line(6, **{"user/angle": 37.0})
    lines[8] = line(8, **{"user/mode": "local"})
    lines[10] = "[1, 2]"
    lines[11] = '{"_index": 11}'
    lines[12] = line(12, _timestamp_ms="soon")
    source = make_tub(tmp_path / "tub", lines)
    image = source / "images" / "14_cam_image_array_.jpg"
    image.write_bytes(image.read_bytes()[:-40])
    (source / "images" / "16_cam_image_array_.jpg").write_bytes(b"")
    (source / "images" / "17_cam_image_array_.jpg").write_bytes(b"<html>not found</html>")
    (source / "images" / "18_cam_image_array_.jpg").unlink()
    (source / "images" / "999_cam_image_array_.jpg").write_bytes(jpeg(999))
    report = import_tub(source, tmp_path / "dataset")
    expected = {"malformed": 3, "bad_action": 3, "autopilot": 1, "unreadable_image": 3, "missing_image": 1}
    assert dropped(report) == expected
    assert sum(report["account"].values()) == 30
    assert numbers(EpisodeDataset(tmp_path / "dataset")) == [
        [k for k in range(30) if k not in {3, 5, 6, 8, 10, 11, 12, 14, 16, 17, 18}]
    ]
    assert report["where"]["bad_action"] == ["catalog_0.catalog:4-4", "catalog_0.catalog:6-7"]
    assert report["images_without_record"] == 2  # of the line without a time, and number 999


def test_episodes_end_at_gaps_sessions_and_clock_jumps(tmp_path):
    def moved(k: int) -> dict:
        shift = 0 if k < 10 else 3000 if k < 20 else -500_000 if k < 30 else 900_000
        return line(k, _timestamp_ms=START + 50 * k + shift, _session_id="b" if k >= 40 else "a")

    report, dataset = imported(tmp_path, [moved(k) for k in range(50)])
    assert dropped(report) == {}
    assert dataset.lengths.tolist() == [10] * 5
    assert all((np.diff(episode["recorded_at"]) > 0).all() for episode in dataset)
    assert dataset.sessions == ("a", "a", "a", "a", "b")  # pieces of two drives


def test_a_single_wrong_time_is_left_out(tmp_path):
    report, dataset = imported(tmp_path, [line(k, **({"_timestamp_ms": 5} if k == 6 else {})) for k in range(20)])
    assert dropped(report) == {"clock": 1}
    assert dataset.lengths.tolist() == [19]


def test_short_pieces_are_counted(tmp_path):
    report, dataset = imported(tmp_path, [line(k) for k in range(40)], Rules(min_frames=10), deleted=range(5, 20))
    assert dropped(report) == {"owner_deleted": 15, "too_short": 5}
    assert dataset.lengths.tolist() == [20]


def test_images_of_another_size_or_without_colour_are_made_to_fit(tmp_path):
    source = make_tub(tmp_path / "tub", [line(k) for k in range(12)])
    (source / "images" / "4_cam_image_array_.jpg").write_bytes(jpeg(4, 48, 64))
    gray = cv2.imencode(".jpg", np.full((24, 32), 90, np.uint8))[1].tobytes()
    (source / "images" / "5_cam_image_array_.jpg").write_bytes(gray)
    report = import_tub(source, tmp_path / "dataset")
    assert report["resized_images"] == 2
    assert EpisodeDataset(tmp_path / "dataset").episode(0)[CAMERA].shape == (12, 24, 32, 3)


@pytest.mark.parametrize(("step", "rate"), [(100, 10), (40, 25), (1000, 1)])
def test_a_rate_that_the_time_stamps_contradict_is_refused(tmp_path, step, rate):
    source = make_tub(tmp_path / "tub", [line(k, _timestamp_ms=START + step * k) for k in range(12)])
    rules = Rules(max_gap=2)
    with pytest.raises(DatasetError, match=f"come at {rate} Hz, not at the dataset's 20 Hz: .* --fps {rate}"):
        import_tub(source, tmp_path / "dataset", TubImport(rules))
    assert not (tmp_path / "dataset").exists()
    import_tub(source, tmp_path / "dataset", TubImport(dataclasses.replace(rules, fps=rate)))
    assert EpisodeDataset(tmp_path / "dataset").fps == rate


def test_a_tub_of_which_everything_was_deleted_names_what_keeps_it(tmp_path):
    source = make_tub(tmp_path / "tub", [line(k) for k in range(6)], deleted=range(6))
    with pytest.raises(DatasetError, match="6 owner deleted; --include-deleted"):
        import_tub(source, tmp_path / "dataset")


def test_a_second_import_is_byte_identical(tmp_path):
    source = make_tub(tmp_path / "tub", [line(k) for k in range(80)], deleted=range(30, 50))
    contents = []
    for name in ("one", "two"):
        import_tub(source, tmp_path / name, TubImport(video=True))
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        contents.append([(path.relative_to(tmp_path / name), path.read_bytes()) for path in files])
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda tub: (tub / "manifest.json").unlink(), "not a Donkeycar tub"),
        (lambda tub: (tub / "manifest.json").write_text("{"), "does not name its catalogs"),
        (lambda tub: (tub / "catalog_0.catalog").write_text("\n"), "is empty"),
        (lambda tub: [path.unlink() for path in (tub / "images").iterdir()], "has no usable record"),
    ],
)
def test_what_cannot_be_imported_says_so_and_leaves_nothing(tmp_path, damage, message):
    source = make_tub(tmp_path / "tub", [line(k) for k in range(5)])
    damage(source)
    with pytest.raises(DatasetError, match=message):
        import_tub(source, tmp_path / "dataset")
    assert [path.name for path in tmp_path.iterdir()] == ["tub"]


def test_an_existing_destination_is_never_touched(tmp_path):
    source = make_tub(tmp_path / "tub", [line(k) for k in range(5)])
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "mine").write_text("precious")
    with pytest.raises(InputError, match="exists"):
        import_tub(source, tmp_path / "dataset")
    assert (tmp_path / "dataset" / "mine").read_text() == "precious"


def test_lines_of_a_genuine_manifest_are_understood(tmp_path):
    source = make_tub(tmp_path / "tub", [line(0)])
    (source / "catalog_0.catalog").write_bytes(json.dumps(line(0)).encode() + b"\r\n" + b"\0" * 40 + b"\n\xff\xfe{\n")
    assert [r.verdict for r in read_tub(source).records] == [Verdict.KEPT, Verdict.MALFORMED]


def test_what_an_autopilot_drove_is_kept_with_what_it_commanded(tmp_path: Path):
    """As Donkeycar writes it with RECORD_DURING_AI; elsewhere the tub does not have what the car was told."""
    told = {"pilot/angle": 0.25, "pilot/throttle": 0.5, "user/angle": -0.75, "user/throttle": 0.125}
    modes = ["user", "local_angle", "local", "local"]
    lines = [line(k, **told, **{"user/mode": mode}) for k, mode in enumerate(modes)]
    del lines[3]["pilot/angle"]
    (tmp_path / "some").mkdir()
    report, dataset = imported(tmp_path / "some", lines, Rules(autopilot=True))
    assert report["account"]["kept"] == 3 and report["account"]["bad_action"] == 1
    assert dataset.episode(0)["action"].tolist() == [[-0.75, 0.125], [0.25, 0.125], [0.25, 0.5]]
    assert report["options"]["autopilot"]
    (tmp_path / "none").mkdir()
    with pytest.raises(DatasetError, match="3 autopilot; --autopilot keeps what an autopilot drove"):
        imported(tmp_path / "none", lines[1:], Rules())
