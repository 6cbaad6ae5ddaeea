# pyright: reportAttributeAccessIssue=false
"""The table of the benchmarks: whole at 80 columns, saved as JSON and Markdown, with a word on what is left to do."""

import io
import json
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import run as program
from common import Result, skipped
from table import markdown, remembered, save, terminal_table

SUBJECT = "SO-101, 11,548 triangles, no shadows, 2 threads"
RESULTS = [
    Result("rendering", SUBJECT, 12_345.6, "frames/s", "limit: refit_bvh + render alone, 2 threads", 13_000.0, 0.949,
           0.9, "osmesa on one core, pinhole"),
    skipped("rendering", SUBJECT, 987.6, "images/s", "instead: mujoco.Renderer, default settings", "no OpenGL (egl)"),
    Result("act", "Policy.act, one 160x120 image", 1_234_567.0, "images/s", "instead: SB3 CnnPolicy.predict, 84x84",
           0.5, 1234.5678),
]  # fmt: skip
FACTS = {"cpu": "a | b", "cores": 2, "load": float("nan")}


def printed(width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(terminal_table(RESULTS))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 200])
def test_no_cell_is_cut(width: int):
    text = printed(width)
    assert "…" not in text and max(map(len, text.splitlines())) <= width
    words = set(re.split(r"[\s│┃]+", text))
    for result in RESULTS:
        for cell in (result.group, result.subject, result.unit, result.rival, result.remark):
            assert set(cell.split()) <= words, cell
    assert {"12,346", "13,000", "0.95", "988", "1,234,567", "0.5", "1234.57"} <= words and "≥ 0.9" in text


def test_figures_stand_beside_what_they_are_of_at_80_columns():
    lines = printed(80).splitlines()
    assert any(re.search(r"Policy\.act, one 160x120 image\s+│\s+1,234,567 images/s", line) for line in lines)


def test_the_table_is_saved_as_json_and_as_markdown(tmp_path: Path):
    save(tmp_path / "new", RESULTS, FACTS, {"bench_learning.act": 12.5})
    content = json.loads((tmp_path / "new" / "benchmarks.json").read_text())
    assert content["machine"]["load"] is None and content["results"][1]["ratio"] is None
    assert [row["subject"] for row in content["results"]] == [result.subject for result in RESULTS]
    lines = (tmp_path / "new" / "benchmarks.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 2 + len(RESULTS) and {line.count("|") for line in rows} == {9}
    assert "| 12,346 frames/s |" in rows[2] and "skipped: no OpenGL (egl)" in rows[3]
    assert remembered(tmp_path / "new") == {"bench_learning.act": 12.5}


@pytest.mark.parametrize("content", ["", "[]", '{"seconds": 3}', '{"seconds": {"a": "x"}}'])
def test_what_an_earlier_run_left_in_pieces_is_no_trouble(tmp_path: Path, content: str):
    (tmp_path / "benchmarks.json").write_text(content)
    assert remembered(tmp_path) == {} == remembered(tmp_path / "nowhere")


def test_bars_in_a_text_do_not_split_a_row():
    assert "a \\| b" in markdown([Result("x", "a | b", 1.0, "u", "r", 1.0, 1.0)], {}).splitlines()[-1]


def test_every_benchmark_is_announced_with_the_time_that_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    stub = types.SimpleNamespace(one=lambda: RESULTS[:2], other=lambda: RESULTS[2:])
    monkeypatch.setitem(sys.modules, "stub", stub)  # type: ignore[arg-type]
    monkeypatch.setattr(program, "BENCHMARKS", {"first": ("stub.one",), "second": ("stub.other",)})
    monkeypatch.setattr(program, "machine_facts", lambda: {"cpu": "mine", "load": np.nan})
    monkeypatch.setattr(sys, "argv", ["run.py", "--out", str(tmp_path / "bench")])
    monkeypatch.setenv("COLUMNS", "80")
    save(tmp_path / "bench", [], {}, {"stub.one": 100.0, "stub.other": 200.0})
    program.main()
    out = capsys.readouterr().out
    assert "1 of 2: stub.one, about 5 min left\n2 of 2: stub.other, about 3 min left\n" in out
    assert "…" not in out and "1,234,567 images/s" in out
    assert set(remembered(tmp_path / "bench")) == {"stub.one", "stub.other"}
    assert len(json.loads((tmp_path / "bench" / "benchmarks.json").read_text())["results"]) == 3
