# pyright: reportAttributeAccessIssue=false
"""Frames in mp4 files, located by their time stamps."""

import io
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from sim2real.errors import DatasetError
from sim2real.files import write_file


def write_frames(path: Path, frames: Iterable[np.ndarray], fps: float) -> int:
    """Encode RGB frames (H, W, 3) uint8 as H.264, frame k at time k / fps; returns the number of frames.

    As in LeRobot, there are no B-frames and every second frame is a key frame, for fast random access.
    """
    buffer, count = io.BytesIO(), 0
    rate = Fraction(fps).limit_denominator(1000)
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.time_base = 1 / rate
        stream.options = {
            "crf": "18",
            "g": "2",
            "bf": "0",
            "threads": "1",
        }  # more threads make the bytes depend on load
        for k, frame in enumerate(frames):
            if k == 0:
                stream.height, stream.width = frame.shape[:2]
                even = stream.height % 2 == 0 and stream.width % 2 == 0
                stream.pix_fmt = "yuv420p" if even else "yuv444p"  # subsampled chroma needs even sides
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            picture.pts, picture.time_base = k, 1 / rate
            container.mux(stream.encode(picture))
            count += 1
        container.mux(stream.encode(None))
    write_file(path, buffer.getbuffer())
    return count


def read_video_frames(path: Path, times: np.ndarray, fps: float, present: np.ndarray | None = None) -> np.ndarray:
    """Return the frames (n, H, W, 3) uint8 RGB at the given times [s], in their order.

    Args:
        present: further times [s] at which a decodable frame must exist; these frames are not returned.

    Raises:
        FileNotFoundError: the video does not exist.
        DatasetError: the video is damaged, or has no frame within half a frame of one of the times.
    """
    if not path.is_file():
        raise FileNotFoundError(f"the dataset's video {path} is missing")
    wanted = np.unique(times)
    needed = wanted if present is None else np.union1d(wanted, present)
    frame_at: dict[float, np.ndarray] = {}
    decoded: set[float] = set()
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            if needed[0] > 1 / fps:
                container.seek(int((needed[0] - 0.5 / fps) / stream.time_base), stream=stream)
            for frame in container.decode(stream):
                decoded.update(needed[np.abs(needed - float(frame.time)) < 0.5 / fps].tolist())
                for time in wanted[np.abs(wanted - float(frame.time)) < 0.5 / fps]:
                    frame_at[float(time)] = frame.to_ndarray(format="rgb24")
                if len(decoded) == len(needed) or float(frame.time) > needed[-1] + 1 / fps:
                    break
    except (av.error.FFmpegError, IndexError) as error:
        raise DatasetError(f"{path} is damaged: {error}") from None
    missing = [time for time in needed.tolist() if time not in decoded]
    if missing:
        raise DatasetError(f"{path} has no frame at {missing[0]:.3f} s ({len(missing)} of {len(needed)} are missing)")
    return np.stack([frame_at[float(time)] for time in times])
