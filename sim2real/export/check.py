"""Check an exported policy: the same actions on stored frames as the policy as trained, and how long one takes.

usage: python check.py
"""

import sys
import time
from pathlib import Path

import numpy as np

from sim2real.errors import InputError
from sim2real.export.exported import FRAMES, ExportedPolicy

TOLERANCE = 1e-5  # largest difference of an action
CALLS = 300  # to measure the time of one


def difference(policy: ExportedPolicy, frames: Path) -> float:
    """Return the largest difference of actions to the stored ones, one frame at a time and all at once."""
    with np.load(frames, allow_pickle=False) as stored:
        images, state, actions = stored["images"], stored["state"], stored["actions"]
    key = policy.preprocessing.key
    given = [{key: image} | ({"state": row} if policy.state else {}) for image, row in zip(images, state, strict=True)]
    alone = np.stack([policy.act(each) for each in given])
    together = policy.act({key: images} | ({"state": state} if policy.state else {}))
    return float(max(np.abs(alone - actions).max(), np.abs(together - actions).max()))


def milliseconds(policy: ExportedPolicy, frames: Path, calls: int = CALLS) -> np.ndarray:
    """Return the time of `act` for one frame [ms], (calls,)."""
    with np.load(frames, allow_pickle=False) as stored:
        image, state = stored["images"][0], stored["state"][0]
    observation = {policy.preprocessing.key: image} | ({"state": state} if policy.state else {})
    times = []
    for _ in range(calls + 20):
        begun = time.perf_counter()
        policy.act(observation)
        times.append(1000 * (time.perf_counter() - begun))
    return np.array(times[20:])  # the first ones allocate memory


def main(folder: Path) -> int:
    """Print the largest difference and the time of a call; return 1 if the difference exceeds the tolerance."""
    try:
        policy = ExportedPolicy(folder)
        largest = difference(policy, folder / FRAMES)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    times = milliseconds(policy, folder / FRAMES)
    print(f"{policy.task or 'policy'}: largest difference of an action {largest:.1e} (at most {TOLERANCE:.0e})")
    print(f"one frame, one thread: median {np.median(times):.2f} ms, 99 % within {np.quantile(times, 0.99):.2f} ms")
    return int(not largest <= TOLERANCE)


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent))
