"""Synthetic tubs for tests: lines and images as Donkeycar writes them, with whatever damage a test asks for."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

HERTZ = 20
START = 1_668_000_000_000  # [ms]


def jpeg(number: int, height: int = 24, width: int = 32) -> bytes:
    """An image that differs from number to number, and says it in its mean."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 60, (height, width, 3)) + number % 190
    return cv2.imencode(".jpg", pixels.astype(np.uint8))[1].tobytes()


def line(index: int, **changes: Any) -> dict[str, Any]:
    """A record as Donkeycar writes it."""
    record = {
        "_index": index,
        "_session_id": "22-11-12_0",
        "_timestamp_ms": START + index * 1000 // HERTZ,
        "cam/image_array": f"{index}_cam_image_array_.jpg",
        "user/angle": round(((index * 7) % 21 - 10) / 10, 3),
        "user/mode": "user",
        "user/throttle": 0.4,
    }
    return {**record, **changes}


def make_tub(
    folder: Path,
    lines: Iterable[dict[str, Any] | str],
    *,
    deleted: Iterable[int] = (),
    images: Iterable[int] | None = None,
    per_catalog: int = 1000,
    listed: Iterable[str] | None = None,
) -> Path:
    """Write a tub; images None: one for each index that a line names."""
    lines = list(lines)
    (folder / "images").mkdir(parents=True)
    names = []
    for start in range(0, max(len(lines), 1), per_catalog):
        names.append(f"catalog_{start // per_catalog}.catalog")
        part = lines[start : start + per_catalog]
        text = "".join((item if isinstance(item, str) else json.dumps(item)) + "\n" for item in part)
        (folder / names[-1]).write_text(text)
    last = {"paths": names if listed is None else list(listed), "current_index": len(lines), "max_len": 1000}
    last["deleted_indexes"] = sorted(deleted)
    inputs = [["cam/image_array", "user/angle", "user/throttle", "user/mode"], ["image_array", "float", "float", "str"]]
    manifest = [*inputs, {}, {"created_at": START / 1000}, last]
    (folder / "manifest.json").write_text("\n".join(json.dumps(item) for item in manifest))
    indices = {item["_index"] for item in lines if isinstance(item, dict) and isinstance(item.get("_index"), int)}
    for index in indices if images is None else images:
        (folder / "images" / f"{index}_cam_image_array_.jpg").write_bytes(jpeg(index))
    return folder
