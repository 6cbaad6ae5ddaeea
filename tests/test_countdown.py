"""What a run of the tests says about what is left of it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import countdown
from countdown import Countdown

HELPERS = Path(countdown.__file__).parent


def lines(seconds: dict[str, float], remembered: dict[str, float]) -> list[str]:
    """What is said in a run of tests that take so many seconds."""
    now = [0.0]
    counter = Countdown(list(seconds), remembered, lambda: now[0])
    said = []
    for name, took in seconds.items():
        now[0] += took
        said.append(counter.finish(name))
    return [line for line in said if line]


def test_without_a_memory_the_share_that_is_done_tells_what_is_left():
    said = lines({f"t{k}": 10.0 for k in range(40)}, {})
    assert said[0] == "2 of 40 tests, 5 %, about 6 min left" and said[-1] == "38 of 40 tests, 95 %, about 20 s left"
    assert len(said) == 19  # every 20 s, and not after the last


def test_what_tests_took_before_tells_what_is_left_on_a_machine_of_any_speed():
    before = {"a": 1.0, "b": 1.0, "long": 58.0}
    for slower in (15, 30):
        said = lines({name: slower * took for name, took in before.items()}, before)
        assert said[-1] == f"2 of 3 tests, 66 %, about {58 * slower / 60:.0f} min left"


def test_a_test_that_is_new_counts_as_much_as_others_do():
    assert lines({"a": 20.0, "new": 20.0}, {"a": 3.0, "gone": 5.0}) == ["1 of 2 tests, 50 %, about 27 s left"]


def test_quick_tests_are_not_talked_about():
    assert lines({f"t{k}": 0.1 for k in range(150)}, {}) == []


@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_pytest_prints_it_between_the_dots_and_remembers(tmp_path: Path, quiet: tuple[str, ...]):
    (tmp_path / "test_it.py").write_text("def test_a(): pass\ndef test_b(): pass\ndef test_c(): pass\n")
    (tmp_path / "conftest.py").write_text("import countdown\ncountdown.EVERY = 0\n")
    words = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", ".", "-p", "countdown", *quiet]
    done = subprocess.run(
        words,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HELPERS), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    assert done.returncode == 0, done
    out = done.stdout.splitlines()
    assert "1 of 3 tests, 33 %, about 1 s left" in out and "2 of 3 tests, 66 %, about 1 s left" in out
    assert not any("3 of 3" in line for line in out)
    assert re.fullmatch(r"(=+ )?3 passed in .*s( =+)?", out[-1])
    assert "test_it.py::test_b" in (tmp_path / ".pytest_cache/v" / countdown.KEY).read_text()
