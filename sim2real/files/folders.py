"""Atomic folders, and locks for a single writer."""

import fcntl
import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sim2real.errors import CheckpointError, InputError

LOCK = ".writer.lock"


@contextmanager
def replaced_folder(folder: Path, marker: str) -> Iterator[Path]:
    """Give an empty folder beside `folder` to write into, which replaces `folder` if no error is raised.

    If the process is killed, either the old or the new content exists (`existing_folder` finds it). Only one writer per
    folder is allowed: leftovers of a killed writer are removed.

    Args:
        marker: the file that identifies an older folder of the same kind; no other folder is replaced.

    Raises:
        CheckpointError: `folder` exists and is of another kind.
    """
    folder = folder.resolve()
    if folder.exists() and not (folder / marker).is_file() and not (folder.is_dir() and not any(folder.iterdir())):
        raise CheckpointError(f"{folder} exists and is not a checkpoint (it has no {marker}): choose another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    for leftover in folder.parent.glob(f".{glob.escape(folder.name)}.new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    new, old = folder.parent / f".{folder.name}.new-{os.getpid()}", _old(folder)
    new.mkdir()
    try:
        yield new
        _sync_folder(new)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            folder.rename(old)
        new.rename(folder)
        _sync_folder(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder so that readers never see a partly removed one."""
    shutil.rmtree(_old(folder), ignore_errors=True)
    folder.rename(_old(folder))
    shutil.rmtree(_old(folder))


def folder_exists(folder: Path) -> bool:
    """Return whether something has this name, or did before a killed writer moved it aside."""
    return folder.exists() or _old(folder.resolve()).exists()


def existing_folder(folder: Path, marker: str) -> Path:
    """Return the folder, or its old version that a killed writer had moved aside.

    Raises:
        CheckpointError: there is none, or it lacks the marker.
    """
    folder = Path(folder).resolve()
    present = folder if folder.exists() or not _old(folder).exists() else _old(folder)
    if not present.is_dir():
        raise CheckpointError(f"no checkpoint folder {folder}")
    if not (present / marker).is_file():
        raise CheckpointError(f"{folder} is not a checkpoint: it has no {marker}")
    return present


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder for a single writer; the system releases the lock of a killed process.

    Raises:
        InputError: another process is writing there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between opening and locking, the previous writer may have removed the file; another may hold a new one.
        held = path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino
    except BlockingIOError:
        held = False
    if not held:
        os.close(descriptor)
        raise InputError(f"another process is writing {folder}: wait for it to end, or write elsewhere")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder to write into, which gets its name if the block ends without an error, or is removed.

    The next process removes leftovers of a killed one.

    Raises:
        InputError: the name exists, or another process is writing it.
    """
    folder = folder.resolve()
    if folder.exists():
        raise InputError(f"{folder} exists: choose another destination, or remove it first")
    around = folder.parent / f".{folder.name}.part"
    with locked(around):
        inside = around / folder.name
        try:
            shutil.rmtree(inside, ignore_errors=True)
            inside.mkdir()
            yield inside
            inside.rename(folder)
        finally:
            shutil.rmtree(inside, ignore_errors=True)
            shutil.rmtree(around, ignore_errors=True)


def _old(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.old"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
