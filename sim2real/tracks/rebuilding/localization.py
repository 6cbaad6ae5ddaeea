"""Following a drive along a map: every keyframe is registered where odometry leads from the one before it."""

import numpy as np

from sim2real.tracks.poses import compose, inverse, relative
from sim2real.tracks.rasters import Raster
from sim2real.tracks.rebuilding.drive import Drive
from sim2real.tracks.rebuilding.places import OFFSETS, Places
from sim2real.tracks.rebuilding.registration import TILT, Registration, register

_SURE = 0.8  # probability of a place, from where on a drive may be followed from there
_CLEAR, _SEEN = 0.8, 0.7  # correlation with the map where following begins, and where it goes on
_FAR, _STRAYED, _SLIPPED = 0.4, 0.06, 0.03  # m from a place; from where odometry leads, and more for each key missed
_COAST = 6  # keyframes without a registration, after which a drive is lost
_TRIED = 8  # places that a drive is followed from
_FEWEST = 3  # keyframes
_DOUBT = 0.6  # correlation that counts for nothing: what strange places reach


def localized(drive: Drive, places: Places, ground: Raster) -> dict[int, Registration]:
    """Return where on a map a drive's keyframes are, as far as they show what is there.

    Dashes look alike, and neighbouring places too: the drive is followed from several places, and where these
    disagree the one counts from where the drive agrees best with the map on its whole way.
    """
    likeness, offset = places.likeness(drive.views)
    best, sure = places.found(likeness, relative(drive.path[:-1], drive.path[1:]))
    found: dict[int, Registration] = {}
    scores: dict[int, float] = {}
    tried = 0
    for i in _spread(sure):
        if i in found or tried >= _TRIED + len(drive.rows) // 20:
            continue
        guess = compose(places.poses[best[i]], np.array(OFFSETS[offset[i, best[i]]]))
        start = register(drive.templates[i], ground, guess)
        if start.correlation < _CLEAR or np.hypot(*(start.pose - guess)[:2]) > _FAR:
            continue
        tried += 1
        way = follow_from(drive, ground, int(i), start)
        score = sum(each.correlation - _DOUBT for each in way.values())
        if len(way) >= _FEWEST:
            for key, each in way.items():
                if score > scores.get(key, 0.0):
                    found[key], scores[key] = each, score
    return found


def _spread(sure: np.ndarray) -> np.ndarray:
    """Return the keyframes with a sure place, the middle ones of long sure stretches first."""
    known = sure > _SURE
    edges = np.flatnonzero(~np.pad(known, 1, constant_values=False))
    from_edge = np.abs(np.arange(1, len(known) + 1)[:, None] - edges).min(1)
    return np.argsort(-from_edge, kind="stable")[: known.sum()]


def follow_from(drive: Drive, ground: Raster, key: int, start: Registration) -> dict[int, Registration]:
    """Follow a drive in both directions from a registered keyframe, until it is lost."""
    path, way = drive.path, {key: start}
    for direction in (1, -1):
        last, at = key, key + direction
        while 0 <= at < len(path) and abs(at - last) <= _COAST:
            guess = compose(way[last].pose, compose(inverse(path[last]), path[at]))
            found = register(drive.templates[at], ground, guess, tilts=TILT)
            strayed = np.hypot(*(found.pose - guess)[:2])
            if found.correlation > _SEEN and strayed < _STRAYED + _SLIPPED * (abs(at - last) - 1):
                way[at], last = found, at
            at += direction
    return way
