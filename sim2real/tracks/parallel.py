"""Work on many drives or pairs of frames at once, in processes: threads do not speed up Python on small arrays."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

import cv2

from sim2real.progress import Progress, silent

Item = TypeVar("Item")
Result = TypeVar("Result")
_work: Callable[..., Any] | None = None  # of the processes that are started now: they inherit it
_working = False  # whether this process is at it, and not at receiving or sending
_SENT = 0.5  # s until a result is sent


def in_parallel(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    progress: Progress = silent,
    keep: Callable[[Item, Result], None] = lambda *_: None,
) -> list[Result]:
    """Return work(item) of all items, in their order, by as many processes as there are cores.

    The processes are forks: what the function refers to is not copied. On systems that do not fork it is called here.

    Args:
        keep: called here with each item and its result, in order.
    """
    global _work
    count = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1, len(items))
    results: list[Result] = []
    if count < 2 or "fork" not in multiprocessing.get_all_start_methods():
        for item in items:
            results.append(work(item))
            keep(item, results[-1])
            progress(len(results), len(items))
        return results
    # A fork inherits OpenCV's threads as something that waits for ever: they are ended before, and started after.
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    _work = work
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("fork"), _alone)
    try:
        for result in pool.map(_call, items):
            results.append(result)
            keep(items[len(results) - 1], result)
            progress(len(results), len(items))
    except BaseException:
        for process in multiprocessing.active_children():  # do not wait for what nobody will take
            process.terminate()
        raise
    finally:
        _work = None
        pool.shutdown(cancel_futures=True)
        cv2.setNumThreads(threads)
    return results


def _alone() -> None:
    """Leave Ctrl-C to the process that started this one, and end with it, also when it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _leave(*_: object) -> None:
    """End at once while working; a result that is just being sent goes out first, as its reader waits for all of it."""
    if _working:
        os._exit(1)
    threading.Timer(_SENT, os._exit, (1,)).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)  # the pool would wait for work for ever


def _call(item: Any) -> Any:
    global _working
    assert _work is not None
    _working = True
    try:
        return _work(item)
    finally:
        _working = False
