"""Shipped policies: found by name, verified, described, and inside the package."""

import json
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest
import torch
import tyro

from sim2real.checkpoints import load_policy, policy_folder, save_policy
from sim2real.errors import CheckpointError, InputError
from sim2real.evaluation.config import EvaluateConfig
from sim2real.evaluation.naming import short_names
from sim2real.models import short_name
from sim2real.models.hashes import CARD, CONFIG, FILES, WEIGHTS
from sim2real.models.registry import ROOM, read_registry, shipped_folder
from sim2real.transfer.adapt_config import AdaptConfig
from untrained import untrained

torch.set_num_threads(1)
ROOT = Path(__file__).parents[3]
NAMES = sorted(read_registry())
SHIPPED = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A copy of the registry and its weights."""
    shutil.copytree(ROOM, tmp_path / "room")
    return tmp_path / "room"


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@SHIPPED
def test_a_shipped_policy_is_loaded_by_its_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    policy, model = load_policy(name), read_registry()[name]
    assert policy.config.task == model.task
    assert model.size == sum(path.stat().st_size for path in policy_folder(name).iterdir()) < 5e6


def test_weights_and_registry_list_the_same():
    assert NAMES and {path.name for path in (ROOM / "weights").iterdir()} == set(NAMES)


@SHIPPED
def test_the_card_says_what_the_registry_says(name: str):
    model, card = read_registry()[name], (shipped_folder(name) / CARD).read_text()
    for text in (
        model.about,
        model.selected,
        model.revision,
        *model.commands,
        model.files[CONFIG],
        model.files[WEIGHTS],
    ):
        assert text in card
    assert model.figures and all(str(each) in card and each.command in card for each in model.figures)
    assert all(each.low <= each.value <= each.high and each.count > 1 for each in model.figures)


@SHIPPED
def test_the_commands_of_figures_evaluate_this_policy(name: str):
    for figure in read_registry()[name].figures:
        program, verb, *words = shlex.split(figure.command)
        config = tyro.cli(EvaluateConfig, args=words, config=(tyro.conf.PositionalRequiredArgs,))
        assert (program, verb, config.checkpoint) == ("sim2real", "evaluate", name)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("place", [0, 100, -1])
def test_a_flipped_byte_of_any_file_is_refused(room: Path, file: str, place: int):
    name = NAMES[0]
    assert shipped_folder(name, room) == room / "weights" / name
    flip(room / "weights" / name / file, place)
    with pytest.raises(CheckpointError, match=rf"{file} is damaged: another sha256 than recorded; install sim2real ag"):
        shipped_folder(name, room)


def test_what_is_missing_or_unknown_is_said_in_a_line(room: Path):
    with pytest.raises(InputError, match="no shipped policy 'nothing': `sim2real models` lists them"):
        shipped_folder("nothing", room)
    (room / "weights" / NAMES[0] / WEIGHTS).unlink()
    with pytest.raises(CheckpointError, match=f"is not complete: it has no {WEIGHTS}"):
        shipped_folder(NAMES[0], room)
    content = json.loads((room / "registry.json").read_text())
    content["models"][NAMES[0]].pop("files")
    (room / "registry.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=r"registry.json is damaged: Model lacks the field files"):
        read_registry(room)
    assert read_registry(room / "weights") == {}  # a package without policies


def test_a_folder_of_ones_own_wins_over_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    name = NAMES[0]
    save_policy(Path(name), untrained(), {}, "mine")
    with pytest.warns(UserWarning, match=f"{name} is the folder of that name here, not the shipped policy"):
        assert policy_folder(name) == Path(name)
    Path(name).rename(f".{name}.old")  # a writer was killed between its two renames
    with pytest.warns(UserWarning):
        assert load_policy(name).config == untrained().config
    shutil.rmtree(f".{name}.old")
    assert policy_folder(name) == ROOM / "weights" / name


def test_a_misspelt_name_is_told_the_near_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        InputError, match=r"no folder 'lane-folow' here, .*did you mean lane-follow\? \(`sim2real models`"
    ):
        load_policy("lane-folow")
    for other in ("runs/lane-folow", "something", tmp_path / "lane-folow"):
        with pytest.raises(CheckpointError, match="no checkpoint folder"):
            load_policy(other)


def test_what_is_stored_in_a_run_names_the_same_policy_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name in ("lane-follow", "lane-folow", "hf://somebody/policies@main"):
        assert AdaptConfig(name, "set").located().checkpoint == name
    assert AdaptConfig("runs/policy", "set").located().checkpoint == tmp_path / "runs" / "policy"
    (tmp_path / "lane-follow").mkdir()
    assert AdaptConfig("lane-follow", "set").located().checkpoint == tmp_path / "lane-follow"
    assert short_names(["runs/a", "hf://o/r@1", "push"]) == ["a", "r@1", "push"]
    assert short_names(["x/a", "y/a"]) == ["x/a", "y/a"]
    assert [short_name(each) for each in ("runs/a", f"hf://o/r@{40 * 'a'}/car", "https://h/p.zip#sha256=1")] == [
        "a",
        "car",
        "p",
    ]


def test_the_package_data_include_every_file():
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["sim2real"]
    files = [path.relative_to(ROOT / "sim2real") for path in ROOM.rglob("*") if path.suffix != ".py" and path.is_file()]
    files = [str(file) for file in files if "__pycache__" not in file.parts]
    assert len(files) == 1 + len(FILES) * len(NAMES)
    assert [file for file in files if not any(fnmatch(file, pattern) for pattern in data)] == []


@pytest.mark.slow
def test_a_wheel_holds_the_weights(tmp_path: Path):
    for part in ("sim2real", "envs", "policies", "launch"):  # what is built leaves files beside the sources
        shutil.copytree(ROOT / part, tmp_path / "source" / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, tmp_path / "source")
    words = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
    subprocess.run([sys.executable, *words, str(tmp_path / "source")], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    room = tmp_path / "installed" / "sim2real" / "models"
    assert sorted(read_registry(room)) == NAMES
    for name in NAMES:
        shipped_folder(name, room)
