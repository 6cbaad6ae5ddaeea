# pyright: reportArgumentType=false, reportAttributeAccessIssue=false
"""The report page of a demo."""

from pathlib import Path
from typing import Any

import cv2

from sim2real.files import read_json
from sim2real.reports.page import METRIC_NOTE, Report
from sim2real.statistics.agreement import METRICS, Estimate, metric_header
from sim2real.statistics.rates import Rate


def write_page(path: Path, out: Path, recordings: Path, command: str) -> None:
    """Write the results of the demo's steps, from the metrics and pictures in `out`."""
    vision, adapted = _metrics(out / "policy"), _metrics(out / "adapted")
    report = Report("From simulation to a camera", f"a small run of the complete pipeline, on {recordings.name}")
    verdict = "promoted" if adapted["promoted"] else "not promoted"
    report.text(f"The adaptation by {adapted['plan']} was {verdict}: {adapted['reason']}.", lead=True)
    report.heading("Pretrained in simulation")
    if "success" in vision:
        rates = [[name, Rate(**_metrics(out / folder)["success"])] for name, folder in STEPS.items()]
        report.table(["driving in unseen simulated worlds", "success"], rows=rates)
    _picture(report, out / "frames.png", "The policy's camera images during pretraining.")
    report.heading("Adapted to the recordings")
    figures = {name: each["test"] for name, each in adapted["candidates"].items()}
    rows = [
        [name, *(Estimate(**f[m]) if f[m]["value"] is not None else None for m in METRICS)]
        for name, f in figures.items()
    ]
    smoothing = f"Recorded actions are averaged over ± {adapted['smoothing']:g} s."
    judged = f"Judged on {adapted['test_frames']} frames of {adapted['test_episodes']} episodes held out from learning"
    unit = adapted["unit"]  # None if nothing could be tested
    over = f"In brackets: 95 % interval, by bootstrap over {unit['text']}." if unit else ""
    note = " ".join((smoothing, f"{judged}.", over, METRIC_NOTE))
    handed_out = [k for k, name in enumerate(figures) if name == adapted["output"]]
    report.table(["candidate", *metric_header(METRICS)], rows, note, highlight=handed_out)
    if (out / "driven" / "metrics.json").is_file():
        _driven(report, _metrics(out / "driven"))
    worst = next((out / "replay").glob("*-worst.png"), None)
    if worst is not None:
        _picture(report.heading("Replayed"), worst, "Where driver and policy differ most.")
    report.links("Pages and films of the steps", _beside(out))
    report.provenance(command).write(path)


STEPS = {"teacher, on privileged state": "teacher", "vision policy, on camera frames": "policy"}


def _beside(out: Path) -> dict[str, str]:
    """Return the other pages, films and pictures by name, as paths relative to the page."""
    beside = {
        "adaptation": "adapted/report.html",
        "replay": "replay/report.html",
        "drive in simulation": "drive.mp4",
        "frames": "frames.png",
    }
    return {name: path for name, path in beside.items() if (out / path).is_file()}


def _driven(report: Report, driven: dict[str, Any]) -> None:
    report.heading("Driving the rehearsal car")
    rows = [["before", Rate(**driven["success"])], ["after", Rate(**driven["against"]["success"])]]
    difference = driven["difference"]
    low, high = 100 * difference["low"], 100 * difference["high"]
    note = (
        f"The same episodes: {100 * difference['value']:+.0f} points [{low:+.0f}, {high:+.0f}], "
        f"{difference['won']} won, {difference['lost']} lost; exact McNemar p = {difference['p_value']:.2g}."
    )
    report.table(["the adapted output against the pretrained policy", "success"], rows, note)


def _picture(report: Report, path: Path, caption: str) -> None:
    image = cv2.imread(str(path))
    if image is not None:
        report.picture(image[..., ::-1], caption)


def _metrics(folder: Path) -> dict[str, Any]:
    return read_json(folder / "metrics.json")
