"""Imports point one way: launch → sim2real → {envs, policies}; each package knows what it needs only."""

import ast
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "launch": {"sim2real", "envs", "policies"},
    "sim2real": {"envs", "policies"},
    "envs": {"policies"},
    "policies": set(),
}
KNOWN = {
    "envs": {"numpy", "mujoco", "mujoco_warp", "mujoco_menagerie", "warp", "gymnasium", "cv2"},
    "policies": {"numpy", "torch", "cv2"},
}


def imports(file: Path) -> set[str]:
    """Top-level names of all modules that a file imports anywhere, inside functions and TYPE_CHECKING too."""
    packages = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            packages |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # A relative import stays in its package, which has no sub-packages that would reach out of it.
            packages.add((node.module or "").partition(".")[0] if node.level == 0 else file.relative_to(ROOT).parts[0])
    return packages


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_only_what_lies_below(package):
    assert files(package)
    wrong = set(PACKAGES) - PACKAGES[package] - {package} | {"tests"}
    for file in files(package):
        assert not imports(file) & wrong, file.relative_to(ROOT)


@pytest.mark.parametrize("package", KNOWN)
def test_packages_know_only_their_own_libraries(package):
    for file in files(package):
        foreign = imports(file) - set(sys.stdlib_module_names) - PACKAGES.keys()
        assert foreign <= KNOWN[package], file.relative_to(ROOT)


def module_name(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(file): file for package in PACKAGES for file in files(package)}


def imported_modules(text: str, modules: Collection[str]) -> set[str]:
    """Which of our modules a text imports: at its top, inside functions, and for type checkers alone."""
    needed = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            needed |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports have whole names"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            needed |= {name if name in modules else str(node.module) for name in names}
    return needed & set(modules)


NEEDS = {name: imported_modules(file.read_text(encoding="utf-8"), MODULES) - {name} for name, file in MODULES.items()}


def assert_no_circle(needs: Mapping[str, Iterable[str]]) -> None:
    """Fail with the circle, if there is one."""
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        pytest.fail("a circle: " + " → ".join(reversed(error.args[1])))


def test_no_file_needs_one_that_needs_it():
    assert_no_circle(NEEDS)


def test_a_circle_is_printed():
    with pytest.raises(pytest.fail.Exception, match=r"a circle: (a → b|b → a)"):
        assert_no_circle({"a": {"b"}, "b": {"a"}, "c": set()})


def test_worlds_know_nothing_of_the_policies_but_the_one_error_class():
    for name, others in NEEDS.items():
        if name.split(".")[0] == "envs":
            allowed = {"policies.errors"} if name == "envs.errors" else set()
            assert {other for other in others if other.split(".")[0] == "policies"} <= allowed, name


def room(module: str) -> str:
    """Of a module of sim2real: its folder, or the file itself where it lies beside these."""
    return module.split(".")[1]


def test_rooms_import_one_way():
    needs: dict[str, set[str]] = {}
    for name, others in NEEDS.items():
        if name.startswith("sim2real."):
            below = {room(other) for other in others if other.startswith("sim2real.")}
            needs.setdefault(room(name), set()).update(below - {room(name)})
    assert set(needs) >= {"datasets", "transfer", "robots", "evaluation", "replays", "identification", "reports"}
    assert_no_circle(needs)


def test_nothing_that_computes_draws():
    """What people look at lies on top: `launch` alone imports the reports, and they alone the libraries of pictures."""
    for name, others in NEEDS.items():
        if name.split(".")[0] != "launch" and not name.startswith("sim2real.reports"):
            assert not [other for other in others if other.startswith("sim2real.reports")], name
            assert not imports(MODULES[name]) & {"matplotlib", "jinja2", "rerun"}, name


LEAVES = {"sim2real.errors", "sim2real.progress"}  # need nothing but Python, which a test below checks
ROBOT_ROOM = {"numpy", "cv2", "sim2real"}
"""Besides the standard library; a driver imports its bus by name when it is opened."""


def test_what_runs_on_a_robots_computer_knows_little():
    names = [name for name in MODULES if name.startswith("sim2real.robots")]
    for name in names:
        assert not imports(MODULES[name]) - set(sys.stdlib_module_names) - ROBOT_ROOM, name
        assert all(other.startswith("sim2real.robots") or other in LEAVES for other in NEEDS[name]), name
    # Imported for real, too, where the heavy ones do not exist.
    blocked = ("torch", "mujoco", "mujoco_warp", "warp", "pyarrow", "stable_baselines3", "gymnasium", "scipy")
    lines = [f"import sys; sys.modules.update(dict.fromkeys({blocked!r}))", *(f"import {name}" for name in names)]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], cwd=ROOT, check=True)


def test_the_reader_of_imports_reads_them_all(tmp_path):
    file = tmp_path / "module.py"
    file.write_text("import a.b, c\nfrom d.e import f\ndef g():\n    import h\n    from i import j as k\n")
    assert imports(file) == {"a", "c", "d", "h", "i"}


def loaded_with(statement: str) -> set[str]:
    """Top-level modules that are there after a statement in a fresh interpreter."""
    report = f"{statement}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", report], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(run.stdout.split())


HEAVY = {"torch", "mujoco", "mujoco_warp", "warp", "stable_baselines3"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "without"),
    [
        ("import policies.preprocessing", HEAVY),  # what runs on the robot's own computer
        ("import envs.camera, envs.sensor", {"torch"}),
        ("import policies", {"mujoco"}),
        ("import sim2real", HEAVY),
        ("import sim2real.errors, sim2real.progress", HEAVY | {"numpy", "gymnasium"}),
        ("import sim2real.robots", HEAVY | {"gymnasium", "scipy", "pyarrow"}),
        ("import sim2real.runs, sim2real.files", HEAVY),  # reading JSON
        ("import launch.main", HEAVY),  # --help must not take seconds
        ("import launch.train, launch.pretrain", HEAVY),
        (
            "import launch.replay, launch.identify, launch.identify_sensor, launch.reconstruct, "
            "launch.calibrate_camera, launch.calibrate_board",
            HEAVY | {"scipy", "pyarrow", "cv2", "gymnasium"},
        ),
        ("import launch.adapt, launch.probe, launch.ladder", HEAVY | {"gymnasium", "scipy", "pyarrow", "cv2"}),
    ],
)
def test_importing_loads_nothing_that_is_not_needed(statement, without):
    assert not loaded_with(statement) & without
