"""Films and pictures of recorded episodes with the actions of a policy."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sim2real.progress import Progress, silent
from sim2real.replays.policy_replay import PolicyReplay
from sim2real.reports.films.video import grid, write_video
from sim2real.reports.pictures.overlay import draw_actions, draw_steering


def replay_picture(replay: PolicyReplay, k: int, width: int = 640) -> np.ndarray:
    """Return frame k with the recorded and the policy's actions drawn; RGB, `width` px wide."""
    caption = f"episode {replay.episode}   frame {replay.row[k]}   {replay.time[k]:.2f} s"
    if len(replay.tracks) == 1:  # a single action is steering and is drawn as a path
        track = replay.tracks[0]
        values = {"driver": float(track.driver[k]), "policy": float(track.policy[k])}
        return draw_steering(replay.images[k], values, caption, width, raw=float(track.raw[k]))
    pairs = {track.action: (float(track.driver[k]), float(track.policy[k])) for track in replay.tracks}
    return draw_actions(replay.images[k], pairs, ("recorded", "policy"), caption, width)


def film_replay(replay: PolicyReplay, path: Path, progress: Progress = silent) -> int:
    """Write the episode as a film in real time; returns the number of frames. Raises as `write_video`."""

    def pictures() -> Iterator[np.ndarray]:
        for k in range(len(replay.row)):
            yield replay_picture(replay, k)
            progress(k + 1, len(replay.row))

    return write_video(path, pictures(), replay.fps)


def worst_sheet(replay: PolicyReplay, count: int = 12, columns: int = 4) -> np.ndarray:
    """Return the worst frames as one picture, the worst first; RGB."""
    chosen = replay.worst(count)
    return grid([replay_picture(replay, int(k), 320) for k in chosen], min(columns, len(chosen)), gap=8)
