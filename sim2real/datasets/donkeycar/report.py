"""The report of an import."""

from collections import Counter, defaultdict
from itertools import groupby
from typing import Any

import numpy as np

from sim2real.datasets.clock import measured_rate
from sim2real.datasets.donkeycar.account import Rules
from sim2real.datasets.donkeycar.record import Record, Verdict
from sim2real.datasets.donkeycar.tub import Tub


def counts(records: list[Record]) -> dict[str, int]:
    """Return the number of records per verdict, for all verdicts; the sum is the number of records."""
    per_verdict = Counter(record.verdict for record in records)
    return {str(verdict): per_verdict[verdict] for verdict in Verdict}


def tub_report(tub: Tub, pieces: list[list[Record]], rules: Rules, size: tuple[int, int]) -> dict[str, Any]:
    """Return the report of a tub: "records" = sum of "account" (counts by verdict), "where" = the lines of each.

    Args:
        pieces: records of each episode.
        size: size of the images, (height, width).
    """
    used = {record.image for record in tub.records if record.verdict is not Verdict.MALFORMED}
    images = {path.name for path in tub.images.iterdir()}
    steps = np.concatenate([np.diff([record.time for record in piece]) for piece in pieces])
    return {
        "format_version": 1,
        "kind": "Donkeycar tub v2",
        "source": tub.folder.resolve().name,
        "options": {
            "include_deleted": rules.include_deleted,
            "max_gap_seconds": rules.max_gap,
            "min_frames": rules.min_frames,
            "fps": rules.fps,
            **({"autopilot": True} if rules.autopilot else {}),
        },
        "records": len(tub.records),
        "account": counts(tub.records),
        "episodes": [
            {"frames": len(p), "first": p[0].index, "last": p[-1].index, "session": p[0].session} for p in pieces
        ],
        "measured_fps": round(rate, 2) if (rate := measured_rate(steps)) is not None else None,
        "image_size": [size[1], size[0]],
        "images_without_record": len(images - used),
        "missing_catalogs": list(tub.missing),
        "where": _where(tub.records),
    }


def _where(records: list[Record]) -> dict[str, list[str]]:
    """Return the lines of each verdict as `catalog:first-last`, counted from 1."""
    places: dict[str, list[str]] = defaultdict(list)
    for (catalog, verdict), group in groupby(records, key=lambda record: (record.catalog, record.verdict)):
        lines = [record.line + 1 for record in group]
        places[str(verdict)].append(f"{catalog}:{lines[0]}-{lines[-1]}")
    return dict(sorted(places.items()))
