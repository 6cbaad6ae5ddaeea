"""The report page of an identified sensor."""

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from sim2real.identification.sensor.fit import KNOWN, STRANGE
from sim2real.identification.sensor.identify import SensorIdentification
from sim2real.identification.sensor.parameters import CHECKED, TOLD
from sim2real.identification.sensor.parameters import PARAMETERS as SCALES
from sim2real.reports.films.video import grid
from sim2real.reports.lines import interval_line
from sim2real.reports.page import Report
from sim2real.reports.plots.charts import bars_plot

PARAMETERS = ["parameter", "identified", "value", "95 % interval", "looks like", "uncertainty left"]
SHOWN = 6  # number of frames in a row
WORST = 12  # number of statistics in the table


def parameter_rows(result: SensorIdentification) -> list[list[Any]]:
    """Return a row per parameter, for `PARAMETERS`."""
    rows = []
    for parameter, scale in zip(result.fit.parameters, SCALES, strict=True):
        name = f"{parameter.name} [{scale.unit}]" if scale.unit else parameter.name
        known = "yes" if parameter.identified else "no"
        interval = f"{parameter.low:.3g} … {parameter.high:.3g}"
        left = f"{100 * parameter.left:.0f} %"
        rows.append([name, known, f"{parameter.value:.3g}", interval, ", ".join(parameter.alike), left])
    return rows


def known_line(result: SensorIdentification) -> str:
    """Return what was identified, in words."""
    units = {scale.name: scale.unit for scale in SCALES}
    known = [
        f"{p.name} {p.value:.3g} ({p.low:.3g} to {p.high:.3g}) {units[p.name]}".strip()
        for p in result.fit.parameters
        if p.identified
    ]
    return (
        f"Identified: {', '.join(known)}." if known else "Nothing was identified; all ranges stay those of the default."
    )


def coverage_line() -> str:
    """Return how often intervals held the truth where it was known, in words."""
    counts = ", ".join(f"{scale.name} {scale.covered}" for scale in SCALES)
    return (
        f"Only {', '.join(TOLD)} may count as identified: intervals of the others that hold the truth say little."
        f" Checked on {CHECKED} drawn sensors of the simulation, of which 90 % intervals held the truth: {counts}. On"
        f" {CHECKED} others the factors were fitted by which the standard errors are widened."
    )


def jpeg_line(result: SensorIdentification) -> str:
    """Return the qualities of JPEG that the frames show, in words."""
    stored = result.recorded.stored
    if stored is None:
        return "JPEG: unknown, as the frames are a video's or were resized; it may pass for less noise and more blur."
    found = [
        f"{'none' if quality == 0 else f'quality {quality}'} in {n} of {sum(result.qualities.values())} units"
        for quality, n in result.qualities.items()
    ]
    kept = f"of quality {stored}, which the fit allows for" if stored else "none"
    return f"JPEG of the files: {kept}. Before that, by the comb in the histograms of the DCT: {', '.join(found)}."


def unknown_line(result: SensorIdentification) -> str:
    """Return what cannot be told apart from the scene, in words."""
    unknown = [parameter.name for parameter in result.fit.parameters if not parameter.identified]
    if not unknown:
        return "All of these parameters are identified. Glare, latency and lost frames are not looked for."
    return (
        f"Not identified: {', '.join(unknown)}. The scene's own colours, textures and light could explain them as well,"
        " or these frames tell too little. Their ranges stay those of the default. Glare, latency and lost frames are"
        " not looked for."
    )


def distance_line(result: SensorIdentification) -> str:
    """Return how far recordings are from rendered frames, before and after, in words."""
    before, after = (result.metrics["distance"][name] for name in ("nominal", "identified"))
    line = (
        f"Statistics of recorded and rendered frames differ by {before:.2f} standard deviations between scenes through"
        f" the nominal sensor, by {after:.2f} through the identified one (root mean square)."
    )
    if result.fit.misfit <= STRANGE:
        return line
    return (
        f"{line} The recordings look like no rendered scene (misfit {result.fit.misfit:.1f}, 1 is usual): intervals are"
        " widened by that, but hold for the sensor's model only."
    )


def write_sensor_report(result: SensorIdentification, command: str) -> None:
    """Write report.html into the run's folder; raises OSError."""
    recorded, name = result.recorded, Path(result.config.dataset).name
    count = f"{np.prod(recorded.images.shape[:2])} frames, {recorded.units}, {len(result.scenes)} rendered worlds"
    page = Report(f"The camera's sensor, identified from {name}", count)
    page.text(known_line(result), lead=True)
    page.text(unknown_line(result))
    page.text(distance_line(result))
    note = (
        f"{interval_line(recorded.units)} They include what the unknown scene adds: the spread between rendered"
        " worlds, by the Fisher information of the fit. Uncertainty left: of the spread that is plausible before any"
        f" frame; from {100 * KNOWN:.0f} % on a parameter counts as not identified. {coverage_line()}"
    )
    page.table(PARAMETERS, parameter_rows(result), note)
    page.text(jpeg_line(result))
    page.heading("Frames")
    page.picture(_row(recorded.images[_spread(len(recorded.images)), 0]), "Recorded.")
    for z, title in ((result.fit.z, "identified"), (None, "nominal")):
        page.picture(_rendered(result, z), f"Rendered, through the {title} sensor; other places, materials and light.")
    page.heading("Statistics")
    page.text("Distance of the recordings from rendered frames, in standard deviations between scenes.")
    worst = sorted(result.distances, key=lambda key: -max(map(abs, result.distances[key])))[:WORST]
    page.table(
        ["statistic", "nominal", "identified"],
        [[key, *(f"{distance:.1f}" for distance in result.distances[key])] for key in worst],
        f"The {WORST} of {len(result.distances)} that differ most.",
    )
    left = {parameter.name: 100 * parameter.left for parameter in result.fit.parameters}
    page.figure(bars_plot(left, "uncertainty left [%]", [n for n, share in left.items() if share >= 100 * KNOWN]))
    page.provenance(command, result.config.seed).write(result.folder / "report.html")


def _spread(count: int) -> np.ndarray:
    return np.linspace(0, count - 1, SHOWN).astype(int)


def _rendered(result: SensorIdentification, z: Tensor | None) -> np.ndarray:
    seen = [result.scenes.seen(z, int(k))[0] for k in _spread(len(result.scenes))]
    return _row(np.stack([frame.permute(1, 2, 0).numpy().astype(np.uint8) for frame in seen]))


def _row(images: np.ndarray) -> np.ndarray:
    return grid(list(images), SHOWN)
