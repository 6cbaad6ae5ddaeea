"""The report page of a probe, and the sections on cameras that the page of an adaptation shares."""

from pathlib import Path

import numpy as np
import torch

from policies.alignment import Alignment
from policies.policy import Policy
from sim2real.recordings.frames import Frames
from sim2real.reports.films.video import enlarge, grid
from sim2real.reports.lines import interval_note
from sim2real.reports.page import METRIC_NOTE, Report
from sim2real.reports.plots.charts import bars_plot
from sim2real.statistics.agreement import METRIC_NAMES
from sim2real.transfer.fitting.batches import Simulated
from sim2real.transfer.fitting.plans import PARTS
from sim2real.transfer.probe import ProbeResult
from sim2real.transfer.shift import DomainShift

SHOWN = 8  # number of pictures in a row
STRAIGHT = Alignment().in_pixels(1, 1)
ZERO_SHOT_HEADER = ["zero-shot", "value [95 % interval]"]
SHIFT_HEADER = ["part", "shift", "between simulated frames", "relative gradient"]


def write_probe_report(path: Path, probed: ProbeResult, command: str) -> None:
    """Write the page of a probe.

    Args:
        command: the command line that made it.
    """
    shift, frames, dataset = probed.shift, probed.frames, probed.config.dataset
    report = Report(
        f"How {Path(dataset).name} looks to the policy", f"{shift.frames} frames, {shift.episodes} episodes"
    )
    report.text(f"Recommended plan: {shift.recommended} ({shift.reason}).", lead=True)
    note = f"{interval_note(frames.units())} {METRIC_NOTE}"
    report.table(ZERO_SHOT_HEADER, zero_shot_rows(shift), note)
    shift_section(report, shift)
    camera_section(report, probed.simulated, frames)
    settings = {"actions averaged over": f"± {frames.smoothing:g} s", "recordings": dataset}
    report.provenance(command, 0, **settings).write(path)


def zero_shot_rows(shift: DomainShift) -> list[list[object]]:
    """Return a row per metric of the zero-shot policy, for `ZERO_SHOT_HEADER`."""
    return [[METRIC_NAMES[metric], value] for metric, value in shift.zero_shot.items()]


def shift_rows(shift: DomainShift) -> list[list[object]]:
    """Return a row per part of the policy, for `SHIFT_HEADER`; the head has no shift value."""
    return [[part, shift.shift.get(part), shift.usual.get(part), shift.gradients[part]] for part in PARTS]


def shift_section(report: Report, shift: DomainShift) -> None:
    """Add the shift between recorded and simulated frames per stage, and the recommended plan."""
    report.heading("How far the recordings are from simulation")
    report.figure(bars_plot(shift.shift, "shift [standard deviations of a channel]"), "Per stage, without labels.")
    report.table(SHIFT_HEADER, shift_rows(shift), "")
    report.text(f"Recommended plan: {shift.recommended} ({shift.reason}).")


def camera_section(report: Report, simulated: Simulated, frames: Frames, policy: Policy | None = None) -> None:
    """Add simulated and recorded frames, one below the other.

    Args:
        policy: the policy whose alignment of recorded frames is shown, too; None: no alignment.
    """
    report.heading("What the camera sees")
    report.picture(_row(simulated.images), "Simulated frames, as the network sees them.")
    recorded = _spread_out(frames.images)
    report.picture(_row(recorded), "Recorded frames.")
    if policy is not None and policy.align.moves:
        aligned = policy.align(torch.from_numpy(recorded)).round().clamp(0, 255).numpy().astype(np.uint8)
        report.picture(_row(aligned), "Recorded frames, aligned.")


def look_line(look: dict[str, float]) -> str:
    """Return how the recorded camera's view differs from the simulated one, in words; empty if it does not.

    Args:
        look: the output of `Alignment.in_pixels`.
    """
    if look == STRAIGHT:
        return ""
    aside = f"{abs(look['right_px']):.1f} px further {'right' if look['right_px'] >= 0 else 'left'}"
    height = f"{abs(look['down_px']):.1f} px {'lower' if look['down_px'] >= 0 else 'higher'}"
    turned = f"turned by {look['roll_deg']:+.1f}° clockwise"
    return f"objects appear {aside}, {height}, {look['zoom']:.3f} times as large and {turned}"


def _spread_out(images: np.ndarray) -> np.ndarray:
    return images[np.linspace(0, len(images) - 1, 2 * SHOWN).astype(int)]


def _row(images: np.ndarray) -> np.ndarray:
    return grid([enlarge(image, 2) for image in _spread_out(images)], SHOWN)
