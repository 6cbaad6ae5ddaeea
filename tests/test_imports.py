"""What is imported when: `--help` and reading datasets do without the libraries that take seconds."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import envs
import sim2real
from launch.main import VERBS

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "mujoco", "mujoco_warp", "warp", "scipy", "stable_baselines3", "pyarrow", "cv2", "av", "matplotlib"}
"""Libraries that no settings need, nor the parsing of words."""
RUN = """
import sys
from launch.main import main
sys.argv = ["sim2real", *{words!r}]
try:
    main()
except SystemExit as end:
    code = end.code
else:
    code = 0
print("imported:", code, *(name for name in {names!r} if name in sys.modules))
"""


def imported_by(words: tuple[str, ...], names: set[str]) -> tuple[str, set[str]]:
    """Exit code of `sim2real WORDS...`, and which of these modules it imported."""
    text = RUN.format(words=words, names=sorted(names))
    done = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True)
    code, *modules = done.stdout.splitlines()[-1].removeprefix("imported: ").split()
    return code, set(modules)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_does_without_what_takes_seconds(verb: str):
    words = (verb, "--help") if verb else ("--help",)
    assert imported_by(words, HEAVY | {"envs.renderer", "envs.batch_env"}) == ("0", set())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small tub."""
    from tub_maker import line, make_tub

    folder = tmp_path_factory.mktemp("imports")
    make_tub(folder / "tub", [line(k) for k in range(5)])
    return folder


@pytest.mark.slow
def test_import_and_inspect_do_without_torch_and_simulator(place: Path):
    words = ("import", str(place / "tub"), str(place / "set"))
    assert imported_by(words, {"torch", "mujoco", "warp"}) == ("0", set())
    words = ("inspect", str(place / "set"), "--out", str(place / "look"))
    assert imported_by(words, {"torch", "mujoco", "warp"}) == ("0", set())
    assert (place / "look" / "actions.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("modules", ["gymnasium, envs", "envs, gymnasium"])
def test_importing_envs_registers_every_task_without_a_simulator(modules: str):
    text = f"import sys, {modules}; print(*envs.task_names(), *(f'sim2real/{{n}}-v0' in gymnasium.registry"
    text += " for n in envs.task_names()), *({'mujoco', 'warp', 'mujoco_warp', 'cv2'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["LaneFollow", "Lift", "Push", "Reach", *["True"] * 4]


@pytest.mark.parametrize("name", sim2real.__all__)
def test_every_public_name_resolves(name: str):
    """And is no module: one of the same name would take its place as soon as it is imported."""
    assert importlib.util.find_spec(f"sim2real.{name}") is None
    assert getattr(sim2real, name).__name__ == name and name in dir(sim2real)


@pytest.mark.parametrize("package", [sim2real, envs])
def test_a_name_that_is_not_there_is_an_attribute_error(package):
    assert not hasattr(package, "no_such_name")


@pytest.mark.parametrize("name", envs.__all__)
def test_every_name_of_envs_resolves(name: str):
    assert getattr(envs, name).__name__ == name
