"""Files are complete or not there, and JSON is what every program takes for it."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim2real.errors import DatasetError, InputError
from sim2real.files import read_json, read_versioned_json, replaced_file, write_json


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"arms": {"gain": {"mae": [0.1, float("nan")]}}}, r"new\.json cannot be .*: arms\.gain\.mae\[1\] is nan$"),
        ({"rate": float("-inf")}, r"rate is -inf$"),
        ({"rate": np.float32(1)}, r"rate is of type float32$"),
        ([{"when": object()}], r"\[0\]\.when is of type object$"),
        (float("nan"), r"the content is nan$"),
    ],
)
def test_what_json_does_not_know_is_refused_with_its_place(tmp_path: Path, content: Any, message: str):
    (tmp_path / "new.json").write_text("{}")
    with pytest.raises(ValueError, match=message):
        write_json(tmp_path / "new.json", content)
    assert [path.name for path in tmp_path.iterdir()] == ["new.json"] and read_json(tmp_path / "new.json") == {}


def test_a_full_disk_leaves_the_old_file_and_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "deep" / "file.json"
    write_json(path, {"a": "ä"})
    assert "ä" in path.read_text(encoding="utf-8")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_json(path, {"a": 2})
    assert caught.value.filename == str(path)
    assert [each.name for each in path.parent.iterdir()] == ["file.json"] and json.loads(path.read_text()) == {"a": "ä"}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError(), OSError(28, "No space left on device")])
def test_what_happens_in_between_leaves_the_old_file(tmp_path: Path, error: BaseException):
    path = tmp_path / "plot.png"
    for before in ([], ["plot.png"]):
        with pytest.raises(type(error)), replaced_file(path) as file:
            file.write_bytes(b"half")
            raise error
        assert [each.name for each in tmp_path.iterdir()] == before
        path.write_bytes(b"old")
    assert path.read_bytes() == b"old"
    with replaced_file(path) as file:
        file.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new" and [each.name for each in tmp_path.iterdir()] == ["plot.png"]


def test_an_error_with_another_file_keeps_its_name(tmp_path: Path):
    with pytest.raises(FileNotFoundError) as caught, replaced_file(tmp_path / "film.mp4"):
        (tmp_path / "frames.mp4").read_bytes()
    assert Path(caught.value.filename) == tmp_path / "frames.mp4" and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"there is no file .*file\.json$"),
        ('{"a": 1', r"file\.json is damaged: not complete JSON$"),
        ("[1]", r"file\.json is damaged: not a JSON object$"),
        ('{"format_version": 2}', r"file\.json has format version 2; this program reads version 1$"),
    ],
)
@pytest.mark.parametrize("kind", [InputError, DatasetError])
def test_what_is_wrong_with_a_file_is_said_in_one_line(tmp_path: Path, text: str | None, message: str, kind: Any):
    if text is not None:
        (tmp_path / "file.json").write_text(text)
    with pytest.raises(kind, match=message) as caught:
        read_versioned_json(tmp_path / "file.json", 1, kind)
    assert type(caught.value) is kind and "\n" not in str(caught.value)
