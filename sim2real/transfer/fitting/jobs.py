"""Parallel fits, each saved when it is done, so that an interrupted comparison can be resumed."""

import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch

from sim2real.checkpoints import load_policy, read_config, save_policy
from sim2real.errors import CheckpointError
from sim2real.progress import NOTHING, Progress, silent
from sim2real.transfer.fitting.fit import Fitted
from sim2real.transfer.fitting.learn import Material, learn
from sim2real.transfer.fitting.plans import TransferPlan

Result = TypeVar("Result")
WORKERS = 2  # two fits on one thread each are faster than one on two, as torch's threads wait for each other


@dataclass(frozen=True)
class Job:
    """One fit: a candidate on one set of frames with one seed.

    Attributes:
        name: unique among the jobs of a run; also the name of its folder.
        share: share of the plan's schedule after which to stop; None: validation decides.
    """

    name: str
    material: Material
    plan: TransferPlan
    seed: int
    share: float | None = None


def run_jobs(jobs: Iterable[Job], folder: Path, progress: Progress = silent) -> dict[str, Fitted]:
    """Run jobs, or read the results of an earlier start.

    Args:
        folder: folder of the jobs' policies.
        progress: called with (jobs done, including fractions of running ones; total jobs).

    Raises:
        KeyboardInterrupt: after the running fits have stopped; finished ones are kept.
    """
    jobs, stopped = list(jobs), threading.Event()
    # Read here and not in the workers: building a policy uses the generator that a parallel fit may have seeded.
    results = {job.name: kept for job in jobs if (kept := _kept(folder / job.name))}
    share: dict[str, float] = dict.fromkeys(results, 1.0)

    def work(job: Job) -> Fitted:
        def on_update(done: float, total: float, figures: Mapping[str, float] = NOTHING, /) -> None:
            share[job.name] = done / max(total, 1)
            if stopped.is_set():
                raise _Stopped

        fitted = _keep(folder / job.name, learn(job.material, job.plan, job.seed, on_update, job.share))
        share[job.name] = 1.0
        return fitted

    left = {job.name: partial(work, job) for job in jobs if job.name not in results}
    try:
        results |= side_by_side(left, lambda: progress(round(sum(share.values()), 2), len(jobs)))
    except BaseException:
        stopped.set()
        raise
    progress(len(jobs), len(jobs))
    return {job.name: results[job.name] for job in jobs}


def side_by_side(work: Mapping[str, Callable[[], Result]], watch: Callable[[], None]) -> dict[str, Result]:
    """Run functions by name, on WORKERS threads with one torch thread each.

    Args:
        watch: called twice a second; if it raises, functions that have not started are skipped.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(WORKERS)
    try:
        futures: dict[str, Future[Result]] = {name: pool.submit(piece) for name, piece in work.items()}
        pending = set(futures.values())
        while pending:
            done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()  # raises the worker's error
            watch()
        return {name: future.result() for name, future in futures.items()}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        torch.set_num_threads(threads)


class _Stopped(Exception):
    """Stops a fit from outside."""


def _kept(path: Path) -> Fitted | None:
    if not path.is_dir():
        return None
    try:
        recipe = read_config(path)["recipe"]
        errors = {int(update): float(error) for update, error in recipe["errors"].items()}
        return Fitted(load_policy(path), int(recipe["update"]), errors, int(recipe["steps"]))
    except (CheckpointError, KeyError, TypeError, ValueError):
        shutil.rmtree(path)  # partly written: repeat it
        return None


def _keep(path: Path, fitted: Fitted) -> Fitted:
    errors = {str(update): error for update, error in fitted.errors.items()}
    recipe = {"update": fitted.update, "errors": errors, "steps": fitted.steps}
    save_policy(path, fitted.policy, recipe, "A candidate of a comparison.\n")
    return fitted
