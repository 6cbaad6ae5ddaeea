"""Self-contained HTML pages that present results without the terminal's output."""

import base64
import io
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import jinja2
import numpy as np

from sim2real.files import write_file
from sim2real.runs import git_revision, versions
from sim2real.statistics.agreement import Estimate
from sim2real.statistics.rates import Rate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METRIC_NOTE = (
    "Correlation: 1 is perfect agreement, regardless of the "
    "driver's scale. MAE and RMSE: mean absolute and root mean square error, on a scale where 1 is the largest "
    "action. Gain-free: after the best-fitting gain and offset, since drivers differ in scale and such a difference is "
    "not a perception error."
)
LARGEST = 1600  # px, longer side of a picture in a page


class Link(NamedTuple):
    """A table cell that leads to a file beside the page."""

    text: str
    path: str


class Report:
    """A page of blocks in the order of the calls; each method returns the report, so that calls can be chained.

    All text is escaped; plots and pictures are embedded in the file.
    """

    def __init__(self, title: str, subtitle: str = "") -> None:
        self.title, self.subtitle = title, subtitle
        self._blocks: list[dict[str, Any]] = []

    def heading(self, text: str) -> "Report":
        """Start a section."""
        return self._add(kind="heading", text=text)

    def text(self, text: str, lead: bool = False) -> "Report":
        """Add a paragraph; with lead in larger type, for the main result."""
        return self._add(kind="text", text=text, lead=lead)

    def table(
        self, header: Sequence[str], rows: Iterable[Sequence[Any]], note: str = "", highlight: Collection[int] = ()
    ) -> "Report":
        """Add a table.

        Args:
            rows: cells of text, numbers, Estimate or Rate (with small intervals), Link, or None for an empty cell.
            note: text below the table.
            highlight: indices of rows to highlight.

        Raises:
            ValueError: a row is not as long as the header.
        """
        values = [list(row) for row in rows]
        for k, row in enumerate(values):
            if len(row) != len(header):
                raise ValueError(f"row {k} of the table has {len(row)} cells, its header {len(header)}: {row}")
        columns = list(zip(*values, strict=True)) or [()] * len(header)
        numeric = [bool(column) and not any(isinstance(value, str | Link) for value in column) for column in columns]
        cells = [[cell(value) for value in row] for row in values]
        return self._add(
            kind="table", header=list(header), rows=cells, numeric=numeric, note=note, highlight=set(highlight)
        )

    def figure(self, figure: "Figure", caption: str = "") -> "Report":
        """Add a matplotlib figure, as SVG."""
        buffer = io.BytesIO()
        # Scatter points are rasterized inside the SVG, at this resolution.
        figure.savefig(buffer, format="svg", metadata={"Date": None}, dpi=150)
        source = _data("image/svg+xml", buffer.getvalue())
        return self._add(kind="pictures", pictures=[{"source": source, "caption": caption}])

    def picture(self, image: np.ndarray, caption: str = "", width: int | None = None) -> "Report":
        """Add an RGB picture (H, W, 3) uint8, shown at `width` px; None: its own width."""
        return self.pictures([(image, caption)], width)

    def pictures(self, images: Iterable[tuple[np.ndarray, str]], width: int | None = None) -> "Report":
        """Add RGB pictures (H, W, 3) uint8 with captions, side by side; raises ValueError for another type or shape.

        Small pictures are enlarged by an integer factor, to show the network's input.
        """
        return self._add(kind="pictures", pictures=[_picture(image, caption, width) for image, caption in images])

    def facts(self, entries: Mapping[str, Any], code: Collection[str] = ("command",)) -> "Report":
        """Add a list of names and values; those named in `code` are set as code."""
        shown = [(name, cell(value)["full"]) for name, value in entries.items()]
        return self._add(kind="facts", entries=shown, code=set(code))

    def links(self, title: str, targets: Mapping[str, str]) -> "Report":
        """Links to files beside the page, as name: path relative to it; nothing where there are none."""
        return self._add(kind="links", title=title, targets=dict(targets)) if targets else self

    def provenance(self, command: str, seed: int | None = None, **more: Any) -> "Report":
        """Add what is needed to reproduce the result: command, seed, date, code revision and versions.

        Args:
            more: further entries, by name (`_` becomes a space).
        """
        origin = {"command": command, **({} if seed is None else {"seed": str(seed)})}
        origin |= {name.replace("_", " "): value for name, value in more.items()}
        origin |= {"made": time.strftime("%Y-%m-%d %H:%M:%S %z"), "code revision": git_revision() or "unknown"}
        origin["versions"] = ", ".join(f"{name} {number}" for name, number in versions().items())
        return self.heading("Provenance").facts(origin)

    def render(self) -> str:
        """Return the page as HTML."""
        return _template().render(title=self.title, subtitle=self.subtitle, blocks=self._blocks)

    def write(self, path: Path) -> None:
        """Write the page in one step; raises OSError."""
        write_file(path, self.render().encode())

    def _add(self, **block: Any) -> "Report":
        self._blocks.append(block)
        return self


@cache
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.ChainableUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html")


def cell(value: Any) -> dict[str, str]:
    """Return a table cell: "text", the small text behind it ("minor"), both together ("full"), a link's "path"."""
    if isinstance(value, Link):
        return {"text": value.text, "minor": "", "full": value.text, "path": value.path}
    text, minor = str(value), ""
    if value is None:
        text = ""
    elif isinstance(value, Rate):
        text, _, minor = str(value).partition(" [")
        minor = f"[{minor}"
    elif isinstance(value, Estimate):
        text, _, minor = str(value).replace("nan", "–").partition(" ")
    elif isinstance(value, bool | np.bool_):
        text = "yes" if value else "no"
    elif isinstance(value, int | np.integer):
        text = f"{int(value):,}"
    elif isinstance(value, float | np.floating):
        text = f"{float(value):.3f}" if np.isfinite(value) else "–"
    return {"text": text, "minor": minor, "full": f"{text} {minor}".strip()}


def _picture(image: np.ndarray, caption: str, width: int | None) -> dict[str, Any]:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:
        raise ValueError(f"a picture must be RGB (H, W, 3) uint8, got {image.dtype} {image.shape}")
    longer = max(image.shape[:2])
    if longer > LARGEST:
        size = (max(1, image.shape[1] * LARGEST // longer), max(1, image.shape[0] * LARGEST // longer))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    small = width is None and image.shape[1] <= 120
    shown = width or (image.shape[1] * (240 // image.shape[1]) if small else image.shape[1])
    data = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))[1].tobytes()
    source = _data("image/png", data)
    return {"source": source, "caption": caption, "width": shown, "pixels": shown > image.shape[1]}


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
