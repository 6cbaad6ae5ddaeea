"""Fits side by side, each kept on the disk when it is done, so that an interrupted comparison goes on."""

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
WORKERS = 2  # as torch's threads wait for each other, two fits on one thread each beat one on two


@dataclass(frozen=True)
class Job:
    """One fit: a candidate on one set of frames with one seed.

    Attributes:
        name: unique among the jobs of a run; a folder's name.
        share: of the plan's schedule, after which to stop; None: validation says.
    """

    name: str
    material: Material
    plan: TransferPlan
    seed: int
    share: float | None = None


def run_jobs(jobs: Iterable[Job], folder: Path, progress: Progress = silent) -> dict[str, Fitted]:
    """Carry out jobs, or read what an earlier start did of them.

    Args:
        folder: where each job's policy is kept.
        progress: called with (jobs done, with the parts of those under way; jobs in all).

    Raises:
        KeyboardInterrupt: after the fits under way have stopped; those that are done are kept.
    """
    jobs, stopped = list(jobs), threading.Event()
    # Read here and not by the workers: building a policy draws from the generator that a fit beside it may have seeded.
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
    """Carry out pieces of work by name, on WORKERS threads with one thread of torch each.

    Args:
        watch: called twice a second and may raise, upon which what has not begun is left.
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
                future.result()  # raises what went wrong there
            watch()
        return {name: future.result() for name, future in futures.items()}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        torch.set_num_threads(threads)


class _Stopped(Exception):
    """Ends a fit from outside."""


def _kept(path: Path) -> Fitted | None:
    if not path.is_dir():
        return None
    try:
        recipe = read_config(path)["recipe"]
        errors = {int(update): float(error) for update, error in recipe["errors"].items()}
        return Fitted(load_policy(path), int(recipe["update"]), errors, int(recipe["steps"]))
    except (CheckpointError, KeyError, TypeError, ValueError):
        shutil.rmtree(path)  # half written: done again
        return None


def _keep(path: Path, fitted: Fitted) -> Fitted:
    errors = {str(update): error for update, error in fitted.errors.items()}
    recipe = {"update": fitted.update, "errors": errors, "steps": fitted.steps}
    save_policy(path, fitted.policy, recipe, "A candidate of a comparison.\n")
    return fitted
