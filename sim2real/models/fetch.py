"""Fetch a policy from an address into the cache; later uses need no network."""

import os
import warnings
from pathlib import Path

from sim2real.errors import CheckpointError, InputError
from sim2real.files.atomic import read_versioned_json, write_json
from sim2real.files.folders import new_folder
from sim2real.models.addresses import ArchiveAddress, HubAddress, parse_address
from sim2real.models.archive import unpack
from sim2real.models.download import download
from sim2real.models.hashes import CARD, CONFIG, FILES, WEIGHTS, hashes, verify

FORMAT_VERSION = 1
LOCATION = "SIM2REAL_CACHE"
"""Environment variable with the cache folder, in place of the user's own."""
MOST = 500_000_000
"""Bytes of the largest file that is fetched or unpacked."""
RECORD = "address.json"


def cache_folder() -> Path:
    """Return the folder of fetched policies, in that of SIM2REAL_CACHE or in the user's cache."""
    if LOCATION in os.environ:
        return Path(os.environ[LOCATION]).absolute() / "policies"
    import pooch

    return Path(pooch.os_cache("sim2real")) / "policies"


def fetched_folder(text: str) -> Path:
    """Return the cached folder of a policy that an address names, fetched now if it is not there.

    The cached copy is verified each time. The Hub gives no hashes with a commit: those of the first copy are kept.

    Raises:
        InputError: not a pinned address, too large, no policy in it, another hash, or the cache cannot be written.
        CheckpointError: the cached copy is damaged.
        OSError: the address does not answer.
    """
    address = parse_address(text)
    folder = cache_folder() / address.key
    if not folder.exists():
        try:
            _fetch(address, folder)
        except OSError as error:
            if error.errno is None:  # of the network
                raise
            advice = f"name another folder in {LOCATION}"
            raise InputError(f"cannot write the cache {folder.parent}: {error.strerror}; {advice}") from None
    _verify(folder)
    return folder


def _fetch(address: HubAddress | ArchiveAddress, folder: Path) -> None:
    """Make the cached folder of an address; nothing of it is left after an error."""
    with new_folder(folder) as new:
        if isinstance(address, HubAddress):
            for name in FILES:
                download(f"{address.base}/{name}", new / name, MOST, required=name != CARD)
        else:
            archive = new / "archive.zip"
            download(address.url, archive, MOST, address.sha256)
            unpack(archive, new, MOST, address.text)
            archive.unlink()
        write_json(new / RECORD, {"format_version": FORMAT_VERSION, "address": address.text, "files": hashes(new)})
    warnings.warn(f"fetched {address.text} into {folder}", stacklevel=1)


def _verify(folder: Path) -> None:
    advice = f"remove {folder} to fetch it again"
    files = read_versioned_json(folder / RECORD, FORMAT_VERSION, CheckpointError).get("files")
    if not isinstance(files, dict) or not {CONFIG, WEIGHTS} <= files.keys():
        raise CheckpointError(f"{folder / RECORD} is damaged: it lists no files; {advice}")
    verify(folder, files, advice)
