"""Fits side by side, each kept on the disk when it is done, so that an interrupted comparison goes on."""

import shutil
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import torch

from policies.checkpoint import load_policy, read_config, save_policy
from policies.folders import CheckpointError
from sim2real.transfer.fit import Fitted
from sim2real.transfer.learn import Material, learn
from sim2real.transfer.plans import TransferPlan

WORKERS = 2  # as torch's threads wait for each other, two fits on one thread each beat one on two


@dataclass(frozen=True)
class Job:
    """One fit: an arm on one set of frames with one seed.

    Attributes:
        name: unique among the jobs of a run; a folder's name.
    """

    name: str
    material: Material
    plan: TransferPlan
    seed: int


def run_jobs(
    jobs: Iterable[Job], folder: Path, progress: Callable[[float, int], None] = lambda done, total: None
) -> dict[str, Fitted]:
    """Carry out jobs, or read what an earlier start did of them.

    Args:
        folder: where each job's policy is kept.
        progress: called with (jobs done, with the parts of those under way; jobs in all).

    Raises:
        KeyboardInterrupt: after the fits under way have stopped; those that are done are kept.
    """
    jobs, share, stopped = list(jobs), {}, threading.Event()

    def work(job: Job) -> Fitted:
        def on_update(done: int, total: int) -> None:
            share[job.name] = done / max(total, 1)
            if stopped.is_set():
                raise _Stopped

        fitted = _kept(folder / job.name) or _keep(
            folder / job.name, learn(job.material, job.plan, job.seed, on_update)
        )
        share[job.name] = 1.0
        return fitted

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(WORKERS) as pool:
            futures: dict[str, Future[Fitted]] = {job.name: pool.submit(work, job) for job in jobs}
            try:
                pending = set(futures.values())
                while pending:
                    done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()  # raises what went wrong there
                    progress(sum(share.values()), len(jobs))
            except BaseException:
                stopped.set()
                for future in futures.values():
                    future.cancel()
                raise
    finally:
        torch.set_num_threads(threads)
    return {name: future.result() for name, future in futures.items()}


class _Stopped(Exception):
    """Ends a fit from outside."""


def _kept(path: Path) -> Fitted | None:
    if not path.is_dir():
        return None
    try:
        recipe = read_config(path)["recipe"]
        errors = {int(update): float(error) for update, error in recipe["errors"].items()}
        return Fitted(load_policy(path), int(recipe["update"]), errors)
    except (CheckpointError, KeyError, TypeError, ValueError):
        shutil.rmtree(path)  # half written: done again
        return None


def _keep(path: Path, fitted: Fitted) -> Fitted:
    errors = {str(update): error for update, error in fitted.errors.items()}
    save_policy(path, fitted.policy, {"update": fitted.update, "errors": errors}, "An arm of a comparison.\n")
    return fitted
