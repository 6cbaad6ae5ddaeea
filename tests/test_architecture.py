"""Imports point one way: launch → sim2real → {envs, policies}; and each package knows only what it needs."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "launch": {"sim2real", "envs", "policies"},
    "sim2real": {"envs", "policies"},
    "envs": set(),
    "policies": set(),
}
KNOWN = {
    "envs": {"numpy", "mujoco", "mujoco_warp", "mujoco_menagerie", "warp", "gymnasium", "cv2"},
    "policies": {"numpy", "torch", "cv2"},
}


def imports(file: Path) -> set[str]:
    """Top-level names of all modules that a file imports anywhere, inside functions and TYPE_CHECKING too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # A relative import stays in its package, which has no sub-packages that would reach out of it.
            found.add((node.module or "").partition(".")[0] if node.level == 0 else file.relative_to(ROOT).parts[0])
    return found


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


def modules(file: Path) -> Iterator[str]:
    """Whole names of what a file imports, and of what it takes from there."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.relative_to(ROOT)}: imports have whole names"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(module: str) -> str:
    """Of a module of sim2real: its folder, or the file itself where it lies beside these."""
    return module.split(".")[1]


@pytest.mark.slow
def test_rooms_import_one_way():
    """The folders of sim2real, and the files beside them, have an order: none needs one that needs it."""
    needs: dict[str, set[str]] = {}
    for file in files("sim2real"):
        place = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        if place == "sim2real.__init__":
            continue
        others = {room(module) for module in modules(file) if module.startswith("sim2real.")}
        needs.setdefault(room(place), set()).update(others - {room(place)})
    order = list(TopologicalSorter(needs).static_order())  # raises CycleError, which names them
    assert set(order) >= {"datasets", "transfer", "robots", "evaluation", "replays", "identification"}


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
        ("import sim2real.runs, sim2real.files", HEAVY),  # reading JSON
        ("import launch.main", HEAVY),  # --help must not take seconds
        ("import launch.train, launch.pretrain", HEAVY),
    ],
)
def test_importing_loads_nothing_that_is_not_needed(statement, without):
    assert not loaded_with(statement) & without
