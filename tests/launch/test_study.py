"""The study from the command line: measured once, on a page, gone on with after a stop, one line for bad input."""

import json
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sim2real.runs import start_run
from sim2real.training.teacher import train_teacher
from sim2real.training.teacher_config import TeacherConfig, TrainConfig
from stopped import stop, watch

torch.set_num_threads(1)
TINY = (
    *("--parts", "shared-trunk", "--seeds", 1, "--trunk.frames", 60, "--trunk.judged", 60, "--trunk.worlds", 20),
    *("--trunk.widths", 3, "--trunk.rates", 1e-3, 3e-3, "--trunk.updates", 4, "--trunk.batch-size", 8),
    *("--trunk.episodes", 1),
)
KEPT = "*/shared-trunk/*.json"


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher that learned nothing."""
    config = TrainConfig("LaneFollow", TeacherConfig(steps=500, hidden=(8,)), worlds=16, evaluate=0)
    run, config = start_run("train", config, tmp_path_factory.mktemp("teacher") / "run", resume=False)
    train_teacher(run, config, lambda *_: None)
    return run.folder


def metrics(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())


@pytest.mark.slow
@pytest.mark.usefixtures("short_lane")
def test_stopped_twice_it_gives_what_one_start_gives(command: Callable[..., Any], workplace: Path, teacher: Path):
    words = ("study", *TINY, "--teacher", teacher)
    done = command(*words, "--out", "whole")
    assert done.code == 0 and done.err == "", done
    found = metrics(workplace / "whole")
    part = found["parts"]["shared-trunk"]
    assert found["finished"] and found["seeds"] == [0] and part["frames"] == 60
    assert set(part["arms"]) == {"3"} and set(part["arms"]["3"]) == {"separate", "shared", "mixed", "narrow"}
    assert part["driven"]["3"]["shared"]["success"]["count"] == 1
    assert len(part["search"]) == 4 + 2 + 4 and all(len(each["tried"]) == 2 for each in part["search"].values())
    assert len(list((workplace / "whole" / "shared-trunk").iterdir())) == 10 * 2 + 10

    # What is printed is what the figures say, and the page has it, too.
    page = (workplace / "whole" / "report.html").read_text()
    verdicts = re.findall(r"^“(.*)” (holds|does not hold|is not decided) here", done.out, re.MULTILINE)
    assert [claim for claim, _ in verdicts] == [each["claim"] for each in part["verdicts"]]
    words_of = {True: "holds", False: "does not hold", None: "is not decided"}
    assert [word for _, word in verdicts] == [words_of[each["holds"]] for each in part["verdicts"]]
    for line in ("Seeds: 0.", "Left out, the whole grid has it: shared-trunk: widths 6, 12, 24, 48."):
        assert line in done.out
    for text in (*(each["claim"] for each in part["verdicts"]), "widths 6, 12, 24, 48", "sim2real study", "mixed-w3"):
        assert text in page
    assert page.count("image/svg") == 2

    # Interrupted, then killed, it goes on from what it has.
    end = watch(KEPT, 3, signal.SIGINT)
    stopped = command(*words, "--out", "again")
    end()
    assert stopped.code == 130 and "interrupted; progress is saved" in stopped.out, stopped
    kept = {path: path.stat().st_mtime_ns for path in (workplace / "again" / "shared-trunk").glob("*.json")}
    assert 2 <= len(kept) < 20 and not (workplace / "again" / "metrics.json").exists()
    resumed = (*words, "--out", "again", "--resume")
    code, _, err = stop(resumed, KEPT, 20, signal.SIGKILL, workplace)
    assert code == -signal.SIGKILL, err
    done = command(*resumed)
    assert done.code == 0 and done.err == "", done
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert metrics(workplace / "again") == found


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--parts", "all"), "no part 'all' of the study; valid: shared-trunk"),
        (("--parts",), "--parts needs at least one of shared-trunk"),
        (("--seeds", "-1"), "seeds must be at least 1, or 0 for the usual number, not -1"),
        (("--trunk.updates", "0"), "updates must be at least 1, not 0"),
        (("--trunk.trial", "0"), "trial above 0"),
        (("--trunk.widths", "0"), "widths and rates must be positive"),
        (("--teacher", "nowhere"), "nowhere is not a run: it has no config.json"),
        (("--policy", "nowhere"), "no checkpoint folder .*nowhere"),
    ],
)
def test_bad_input_is_one_line(complains: Callable[[tuple, str], None], words: tuple, line: str):
    complains(("study", *words, "--out", "run"), line)


@pytest.mark.slow
@pytest.mark.usefixtures("short_lane")
def test_another_teacher_is_refused_and_other_folders_are_not(
    command: Callable[..., Any], workplace: Path, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copytree(teacher, workplace / "mine")
    assert command("study", *TINY, "--teacher", "mine", "--out", "kept").code == 0
    monkeypatch.chdir(tmp_path)
    (workplace / "kept" / "metrics.json").unlink()
    assert command("study", "--resume", "--out", workplace / "kept").code == 0
    with (workplace / "mine" / "teacher.zip").open("ab") as file:
        file.write(b"more")
    (workplace / "kept" / "metrics.json").unlink()
    refused = command("study", "--resume", "--out", workplace / "kept")
    assert refused.code == 2 and "the teacher is not the one that" in refused.err
