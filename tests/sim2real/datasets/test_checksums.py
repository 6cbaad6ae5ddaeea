"""Damage to a dataset's files is refused in one line, or changes nothing: never a value."""

import hashlib
import json
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from recorder import CAMERA, record
from sim2real.datasets import DatasetError, EpisodeDataset, TubImport, import_tub
from tub_maker import line, make_tub

pytestmark = pytest.mark.filterwarnings("ignore:.* has no checksums")
LIST = "meta/sim2real.json"
STAMPS = iter(range(10**9))


def content(root: Path) -> str:
    """Digest of all that can be read of a dataset."""
    dataset, digest = EpisodeDataset(root), hashlib.sha256()
    summary = dataset.info, dataset.lengths.tolist(), dataset.tasks, dataset.all_tasks, dataset.fps
    digest.update(repr(summary).encode())
    for name, stats in sorted(dataset.stats.items()):
        digest.update(repr((name, {key: value.tolist() for key, value in sorted(stats.items())})).encode())
    for episode in dataset:
        for name in dataset.features:
            values = episode[name]
            digest.update(repr((name, values.shape)).encode())
            digest.update(repr(values.tolist()).encode() if values.dtype == object else values.tobytes())
    return digest.hexdigest()


def replace(path: Path, data: bytes) -> None:
    """Write a file at a time of its own: two writes may fall into one tick of the file system's clock."""
    path.write_bytes(data)
    seconds = 1_000_000_000 + next(STAMPS)
    os.utime(path, (seconds, seconds))


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


@pytest.mark.slow
@pytest.mark.parametrize("video", [False, True])
def test_a_flipped_bit_is_refused_or_changes_nothing(tmp_path, video):
    """120 single-byte mutations spread over all files, half of them of a single bit."""
    record(tmp_path / "set", 3, length=8, video=video)
    expected, random = content(tmp_path / "set"), np.random.default_rng(7)
    paths, refused, kinds = files(tmp_path / "set"), 0, set()
    for number in range(120):
        path = paths[number % len(paths)]
        before = path.read_bytes()
        at = int(random.integers(len(before)))
        change = 1 << int(random.integers(8)) if number % 2 else int(random.integers(1, 256))
        replace(path, before[:at] + bytes([before[at] ^ change]) + before[at + 1 :])
        try:
            assert content(tmp_path / "set") == expected, f"{path}, byte {at} ^ {change}: another value"
        except DatasetError as error:
            assert "\n" not in str(error)
            refused += 1
            kinds.add(path.relative_to(tmp_path / "set").parts[:2])
        replace(path, before)
    # What is not refused is a blank between the words of the list itself.
    assert content(tmp_path / "set") == expected and refused > 108
    assert ("meta", "info.json") in kinds and ("meta", "sim2real.json") in kinds


def test_every_file_is_listed_with_its_checksum(tmp_path):
    make_tub(tmp_path / "tub", [line(k) for k in range(12)])
    import_tub(tmp_path / "tub", tmp_path / "set", TubImport(video=True))
    listed = json.loads((tmp_path / "set" / LIST).read_text())["files"]
    present = {path.relative_to(tmp_path / "set").as_posix(): path for path in files(tmp_path / "set")}
    assert set(listed) == set(present) - {LIST} and "import_report.json" in listed
    for name, digests in listed.items():
        assert digests[0] == hashlib.sha256(present[name].read_bytes()).hexdigest()


def test_pages_have_checksums_that_are_verified_without_the_list_too(tmp_path):
    record(tmp_path / "set", 1)
    (tmp_path / "set" / LIST).unlink()
    path = tmp_path / "set/data/chunk-000/file-000.parquet"
    chunk = pq.read_metadata(path).row_group(0).column(1)  # a column of numbers
    data = bytearray(path.read_bytes())
    data[chunk.data_page_offset + chunk.total_compressed_size // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DatasetError, match="damaged"):
        EpisodeDataset(tmp_path / "set").episode(0)


def test_a_dataset_without_checksums_is_noted_once(tmp_path):
    for name in ("one", "two"):
        record(tmp_path / name, 3)
        (tmp_path / name / LIST).unlink()
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        for name in ("one", "two", "one"):
            content(tmp_path / name)
    assert [str(note.message) for note in notes if "checksums" in str(note.message)] == [
        f"{tmp_path / name} has no checksums: damaged values in it cannot be detected" for name in ("one", "two")
    ]


def test_a_dataset_without_checksums_that_is_gone_on_with_has_them_from_then_on(tmp_path):
    record(tmp_path / "set", 2)
    (tmp_path / "set" / LIST).unlink()
    record(tmp_path / "set", 1)
    path = tmp_path / "set/data/chunk-000/file-000.parquet"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(DatasetError, match="restore the dataset from a copy; if it was changed on purpose"):
        EpisodeDataset(tmp_path / "set").episode(0)


def test_what_was_changed_is_not_gone_on_with(tmp_path):
    record(tmp_path / "set", 2)
    path = tmp_path / "set/meta/stats.json"
    path.write_text(path.read_text().replace("1", "2", 1))
    with pytest.raises(DatasetError, match=r"stats\.json is damaged"):
        record(tmp_path / "set", 1)


def test_a_writer_killed_between_any_two_of_its_files_leaves_a_dataset_that_loads(tmp_path):
    """Every mix of files before and after an episode, in the order of writing; then it is gone on with."""
    record(tmp_path / "before", 2)
    shutil.copytree(tmp_path / "before", tmp_path / "after")
    record(tmp_path / "after", 1)
    new = f"chunk-000/file-{2:03d}.parquet"
    order = [LIST, f"data/{new}", f"meta/episodes/{new}", "meta/tasks.parquet", "meta/stats.json", "meta/info.json"]
    changed = [p.relative_to(tmp_path / "after").as_posix() for p in files(tmp_path / "after")
               if not (tmp_path / "before" / p.relative_to(tmp_path / "after")).exists()
               or p.read_bytes() != (tmp_path / "before" / p.relative_to(tmp_path / "after")).read_bytes()]  # fmt: skip
    assert set(changed) <= set(order)
    for count in range(len(order) + 1):
        root = tmp_path / f"killed-{count}"
        shutil.copytree(tmp_path / "before", root)
        for name in order[:count]:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tmp_path / "after" / name, root / name)
        episodes = 3 if count == len(order) else 2
        assert len(EpisodeDataset(root)) == episodes
        content(root)
        record(root, 2)
        content(root)
        assert len(EpisodeDataset(root)) == episodes + 2


def test_a_dataset_is_read_while_it_is_written(tmp_path):
    """A reader that opened it before further episodes came reads on, and another one finds them."""
    record(tmp_path / "set", 1)
    early = EpisodeDataset(tmp_path / "set")
    for count in (2, 3):
        record(tmp_path / "set", 1)
        assert len(EpisodeDataset(tmp_path / "set")) == count
        assert early.stats["action"]["count"].tolist() and early.episode(0)[CAMERA].shape[0] == 12
