"""The part of this package that runs on a robot's computer, copied under another name."""

import re
from pathlib import Path

from sim2real.files import write_file

ROOM = (
    "policies/errors.py",
    "policies/preprocessing.py",
    "envs/errors.py",
    "envs/arms/control.py",
    "sim2real/errors.py",
    "sim2real/progress.py",
    "sim2real/robots/*.py",
    "sim2real/export/exported.py",
)
"""Files that need NumPy, OpenCV and onnxruntime only, all they import among them."""
_IMPORT = re.compile(r"^(\s*(?:from|import) )(sim2real\.export|sim2real|policies|envs)(?=[. ])", re.MULTILINE)


def renamed(text: str, package: str) -> str:
    """Return source code whose imports of our modules are imports from `package`."""

    def replacement(match: re.Match[str]) -> str:
        name = match[2] if match[2] in ("policies", "envs") else ""
        return match[1] + package + (f".{name}" if name else "")

    return _IMPORT.sub(replacement, text)


def copy_room(target: Path, package: str) -> None:
    """Write the room to a new folder, as a package that needs no other file of ours.

    Args:
        target: the package's folder.
        package: full name by which it is imported, such as `sim2real_runtime`.

    Raises:
        OSError: reading or writing failed.
    """
    root = Path(__file__).parents[2]
    for pattern in ROOM:
        for file in sorted(root.glob(pattern)):
            inside = str(file.relative_to(root)).removeprefix("sim2real/").removeprefix("export/")
            write_file(target / inside, renamed(file.read_text(encoding="utf-8"), package).encode())
    note = '"""Part of Sim2Real (Apache-2.0), copied for robots: needs NumPy, OpenCV and onnxruntime only."""\n'
    for folder in (target, target / "policies", target / "envs", target / "envs" / "arms"):
        write_file(folder / "__init__.py", note.encode())
