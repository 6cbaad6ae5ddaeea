"""`sim2real export`: what a user sees, also of wrong paths."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim2real.checkpoints import save_policy
from untrained import untrained


@pytest.mark.slow
def test_a_policy_is_exported_and_replaced(command: Callable[..., Any], tmp_path: Path):
    save_policy(tmp_path / "policy", untrained(), {}, "# Untrained\n")
    done = command("export", tmp_path / "policy", "--out", tmp_path / "exported")
    assert done.code == 0 and done.err == "" and "of the policy as trained" in done.out
    assert "Untrained" in (tmp_path / "exported" / "README.md").read_text()
    assert command("export", tmp_path / "policy", "--out", tmp_path / "exported").code == 0


def test_bad_input_leaves_nothing(complains: Callable[..., None], tmp_path: Path):
    complains(("export", tmp_path / "nowhere", "--out", tmp_path / "out"), "no checkpoint folder")
    save_policy(tmp_path / "policy", untrained(), {}, "# Untrained\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    complains(("export", tmp_path / "policy", "--out", tmp_path / "full"), "choose another folder")
    assert (tmp_path / "full" / "file").read_text() == "mine" and not (tmp_path / "out").exists()
