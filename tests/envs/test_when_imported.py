"""A call that waits for an import comes once, after it, and not because somebody asks whether the module exists."""

import importlib
import importlib.util
import sys
from pathlib import Path

import pytest

from envs.when_imported import when_imported


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "waited_for.py").write_text("complete = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.delitem(sys.modules, "waited_for", raising=False)
    return "waited_for"


def test_a_call_waits_for_the_import(module: str):
    seen: list[bool] = []
    when_imported(module, lambda: seen.append(sys.modules[module].complete))
    when_imported(module, lambda: seen.append(True))
    assert importlib.util.find_spec(module) is not None and seen == []
    imported = importlib.import_module(module)
    assert seen == [True, True]
    importlib.reload(imported)
    assert seen == [True, True]
    when_imported(module, lambda: seen.append(False))
    assert seen == [True, True, False]
    del sys.modules[module]


def test_a_module_that_does_not_exist_is_missing_as_before(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    when_imported("no_such_library", lambda: pytest.fail("there is nothing to wait for"))
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_library")
