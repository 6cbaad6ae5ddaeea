"""The same on genuine recordings, where they are."""

from pathlib import Path

import numpy as np
import pytest

from recordings import genuine
from sim2real.datasets import EpisodeDataset, Rules, import_tub
from sim2real.datasets.donkeycar.account import cut, set_verdicts
from sim2real.datasets.donkeycar.report import counts
from sim2real.datasets.donkeycar.tub import read_tub
from sim2real.datasets.inspection import inspect

TUBS = {
    "track_1": {"kept": 11623, "stale": 2000, "owner_deleted": 11483},
    "track_2": {"kept": 9815, "unlisted": 3337, "owner_deleted": 5863},
}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", TUBS)
def test_every_record_of_a_tub_is_accounted_for(name):
    tub = read_tub(genuine(f"formula_usi/{name}"))
    set_verdicts(tub, Rules())
    pieces = cut(tub.records, Rules())
    assert {verdict: count for verdict, count in counts(tub.records).items() if count} == TUBS[name]
    lines = sum(path.read_bytes().count(b"\n") for path in tub.folder.glob("*.catalog"))
    assert sum(TUBS[name].values()) == len(tub.records) == lines
    for piece in pieces:
        steps = np.diff([record.time for record in piece])
        assert len({record.session for record in piece}) == 1 and (steps >= 0).all() and (steps <= 0.5).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", TUBS)
def test_a_tub_becomes_a_sound_dataset_and_the_same_whenever_it_is_imported(name, tmp_path):
    source = genuine(f"formula_usi/{name}")
    import_tub(source, tmp_path / "one")
    if name == "track_2":  # one is enough to see
        import_tub(source, tmp_path / "two")
        one, two = (contents(tmp_path / which) for which in ("one", "two"))
        assert one == two
    dataset = EpisodeDataset(tmp_path / "one")
    inspection = inspect(dataset)
    assert inspection["frames"] == TUBS[name]["kept"] and not any(inspection["truth"].values())
    episode = dataset.episode(3)
    first = episode._cells["observation.images.front"][0].as_py()
    assert (source / "images" / first["path"]).read_bytes() == first["bytes"]


def test_arm_recordings_are_read_and_say_that_their_videos_are_missing():
    dataset = EpisodeDataset(genuine("so101/lift"))
    assert (len(dataset), dataset.frames, dataset.fps) == (50, 8934, 30.0)
    episode = dataset.episode(49)
    assert episode["action"].shape == (len(episode), 6) and episode["index"][-1] == 8933
    assert set(dataset.tasks) == {"lift up the red cube"}
    window = dataset.window(8933, {"action": [0.0, 1 / 30]})
    assert window["action_is_pad"].tolist() == [False, True]
    with pytest.raises(FileNotFoundError, match="is missing"):
        episode.images("observation.images.front")
