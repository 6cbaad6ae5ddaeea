# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportIndexIssue=false
"""Pages that need nothing but themselves, and plots that show what they are given."""

import base64
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from sim2real.reports import page as report
from sim2real.reports.page import Link, Report
from sim2real.reports.plots import charts as plots
from sim2real.statistics.agreement import Estimate
from sim2real.statistics.rates import Rate

GOOD, ALONE = Estimate(0.921, 0.9, 0.935), Estimate(0.8, None, None)
UNDEFINED = Estimate(float("nan"), None, None)
NASTY = "<script>alert('x')</script> & \"quotes\""


class Page(HTMLParser):
    """Tags with their attributes, and rows of cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] in ("td", "th", "span", "code") and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip("\n")

    @property
    def sources(self) -> list[str]:
        return [str(attrs["src"]) for tag, attrs in self.tags if tag == "img"]


def image(height: int = 12, width: int = 20) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def full_report() -> Report:
    page = Report("A title", NASTY).text(NASTY, lead=True).heading(NASTY)
    page.table(["arm", NASTY], [[NASTY, GOOD], ["b", ALONE]], note=NASTY, highlight=[1])
    page.picture(image(), NASTY).pictures([(image(), "one"), (image(), "two")])
    page.figure(plots.bars_plot({"stem": 0.5, "stage1": 0.2}, "shift"), NASTY)
    return page.facts({NASTY: NASTY}).provenance(NASTY, seed=3, worlds_used=7)


def test_a_page_refers_to_nothing_outside_itself():
    text = full_report().render()
    page = Page(text)
    assert len(page.sources) == 4 and all(source.startswith("data:image/") for source in page.sources)
    assert not re.search(r"https?:|url\(|@import|<link|<script|<iframe", text)
    assert not [attrs for _, attrs in page.tags if "href" in attrs or "srcset" in attrs]


def test_links_lead_to_files_beside_the_page_and_are_escaped():
    text = Report("t").links("More", {"film": "drive.mp4", NASTY: "a/b.html"}).render()
    assert [dict(attrs)["href"] for _, attrs in Page(text).tags if "href" in attrs] == ["drive.mp4", "a/b.html"]
    assert "<script" not in text
    assert "More" not in Report("t").links("More", {}).render()
    table = Report("t").table(["a"], [[Link(NASTY, "films/3.mp4")], [None]]).render()
    assert [dict(attrs)["href"] for _, attrs in Page(table).tags if "href" in attrs] == ["films/3.mp4"]
    assert "<script" not in table


def test_all_text_is_escaped():
    text = full_report().render()
    assert "<script" not in text and text.count("&lt;script&gt;") >= 10
    assert all(len(attrs) <= 4 for _, attrs in Page(text).tags)  # no quote ended an attribute


def test_cells_say_figures_with_their_intervals():
    values = [GOOD, ALONE, UNDEFINED, Rate.of(3, 4), 12345, 0.12345, float("nan"), np.float32(0.5), np.int64(7), True]
    table = Report("t").table(["what", *"abcdefghij"], [["row", *values]]).render()
    texts = Page(table).rows[1]
    assert texts[1:4] == ["0.921[0.900, 0.935]", "0.800", "–"]
    assert texts[4] == "75.0 %[30.1, 95.4] of 4"
    assert texts[5:] == ["12,345", "0.123", "–", "0.500", "7", "yes"]
    assert report.cell(None)["full"] == "" and report.cell(GOOD)["full"] == "0.921 [0.900, 0.935]"


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="row 1 of the table has 1 cells, its header 2"):
        Report("t").table(["a", "b"], [[1, 2], [3]])


def test_pictures_arrive_pixel_for_pixel_and_small_ones_are_shown_larger():
    page = Page(Report("t").picture(image(), "small").picture(image(120, 200)).render())
    for source, size in zip(page.sources, ((12, 20), (120, 200)), strict=True):
        content = base64.b64decode(source.partition("base64,")[2])
        assert np.array_equal(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB), image(*size))
    small, large = (attrs for tag, attrs in page.tags if tag == "img")
    assert small["class"] == "pixels" and small["style"] == "width: 240px" and small["alt"] == "small"
    assert "class" not in large and large["style"] == "width: 200px"


def test_huge_pictures_are_reduced_and_others_than_rgb_refused():
    source = Page(Report("t").picture(image(900, 3200)).render()).sources[0]
    content = base64.b64decode(source.partition("base64,")[2])
    assert np.shape(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)) == (450, 1600, 3)
    for wrong in (image().astype(float), image()[..., 0], image()[:0]):
        with pytest.raises(ValueError, match=r"a picture must be RGB \(H, W, 3\) uint8"):
            Report("t").picture(wrong)


def test_where_a_result_comes_from():
    rows = dict(Page(Report("t").provenance("sim2real adapt 'a b'", seed=3, frames_used=7).render()).rows)
    assert rows["command"] == "sim2real adapt 'a b'" and rows["seed"] == "3" and rows["frames used"] == "7"
    assert {"made", "code revision", "versions"} <= set(rows) and "torch" in rows["versions"]


def test_a_page_is_written_in_one_step(tmp_path, monkeypatch):
    path = tmp_path / "folder" / "report.html"
    Report("old").write(path)

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        Report("new").write(path)
    assert "<h1>old</h1>" in path.read_text() and [file.name for file in path.parent.iterdir()] == ["report.html"]


ROWS = {"zero-shot": GOOD, "a plan with quite a long name of its own": ALONE, "$nothing$": UNDEFINED}
CURVE = {arm: {50: GOOD, 300: ALONE} for arm in ROWS}
TIME = np.arange(40) / 20
FIGURES = {
    "intervals": lambda: plots.intervals_plot(ROWS, "correlation", "zero-shot"),
    "intervals of nothing": lambda: plots.intervals_plot({"a": UNDEFINED}, "mae", "b"),
    "curve": lambda: plots.curve_plot(CURVE, "gain_free_mae"),
    "curve of one": lambda: plots.curve_plot({"a": {100: GOOD}}, "mae"),
    "bars": lambda: plots.bars_plot({"stem": 0.5, "low": -0.2, "no": float("nan")}, "shift", ("stem",)),
    "series": lambda: plots.series_plot(TIME, {"a": np.sin(TIME), "b": TIME * np.nan}, "t", faint=("b",), marks=(1.0,)),
    "series of one": lambda: plots.series_plot(TIME[:1], {"a": TIME[:1]}),
    "scatter": lambda: plots.scatter_plot(np.sin(TIME), 2 * np.sin(TIME), (0.5, -0.1)),
    "scatter of nothing": lambda: plots.scatter_plot(np.zeros(3), np.full(3, np.nan)),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", FIGURES)
def test_every_plot_becomes_a_picture(name):
    source = Page(Report("t").figure(FIGURES[name]()).render()).sources[0]
    root = ET.fromstring(base64.b64decode(source.partition("base64,")[2]))
    assert root.tag.endswith("svg") and len(list(root.iter())) > 40


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_intervals_are_drawn_where_they_are():
    figure = plots.intervals_plot(ROWS, "correlation")
    spans = [line.get_xdata() for line in figure.axes[0].lines if len(line.get_xdata()) == 2]
    points = [line.get_xdata()[0] for line in figure.axes[0].lines if len(line.get_xdata()) == 1]
    assert [list(span) for span in spans] == [[0.9, 0.935]] and points == [0.921, 0.8]
    assert texts(figure) == ["0.921 [0.900, 0.935]", "0.800", "–"]
    assert figure.axes[0].get_xlabel() == "correlation (higher is better)"


def test_a_curve_has_a_tick_at_every_number_of_frames():
    axes = plots.curve_plot(CURVE, "mae").axes[0]
    assert axes.get_xscale() == "log" and axes.get_xticks().tolist() == [50, 300]
    assert axes.get_ylabel() == "MAE (lower is better)"
    assert axes.lines[0].get_ydata().tolist() == [0.921, 0.8]


def test_bars_have_their_values_beside_them():
    figure = plots.bars_plot({"stem": 0.5, "stage1": -0.25}, "shift")
    assert [bar.get_width() for bar in figure.axes[0].patches] == [0.5, -0.25] and texts(figure) == ["0.5", "-0.25"]


@pytest.mark.slow
def test_plots_do_without_pyplot_and_its_global_state():
    code = """
import sys
from sim2real.reports.plots import charts
from sim2real.reports.page import Link, Report
Report("t").figure(charts.bars_plot({"a": 1.0}, "x")).render()
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
