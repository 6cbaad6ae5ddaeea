"""Start of Warp with the renderer's settings; import this before mujoco_warp."""

import logging
import os
from ctypes.util import find_library
from pathlib import Path

import warp as wp

# Fast math renders ~40 % more frames on a CPU; -w silences the compiler's complaint that fast math has no NaN.
wp.config.cpu_compiler_flags = f"{getattr(wp.config, 'cpu_compiler_flags', None) or ''} -ffast-math -w".strip()
wp.config.log_level = wp.LOG_ERROR


def _start() -> None:
    """Start Warp, without its warning on stderr if there is no CUDA driver."""
    if find_library("cuda") is not None:
        wp.init()
        return
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        wp.init()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def announce_compilation() -> None:
    """Log that render kernels are about to be compiled, if this machine has none."""
    cache = wp.config.kernel_cache_dir
    if not cache or not any(Path(cache).glob("wp_make_kernel*draw_rays*")):
        logging.getLogger(__name__).info("compiling the render kernels, once per machine (about 10 seconds)")


_start()
