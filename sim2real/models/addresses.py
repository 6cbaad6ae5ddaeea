"""Addresses of policies: what each pins, and from which URLs its files come."""

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from sim2real.errors import InputError

HUB = "https://huggingface.co"
SCHEMES = ("https",)
FORMS = "hf://OWNER/REPO@COMMIT[/FOLDER], https://HOST/FILE.zip#sha256=HASH"
_PART = r"[A-Za-z0-9_-][\w.-]*"  # of a path: neither empty nor . nor ..


@dataclass(frozen=True)
class HubAddress:
    """A folder of a commit on the Hugging Face Hub.

    Attributes:
        text: as the user wrote it.
        base: URL of the folder.
    """

    text: str
    base: str

    @property
    def key(self) -> str:
        """Return the name of its folder in the cache."""
        return hashlib.sha256(self.base.encode()).hexdigest()


@dataclass(frozen=True)
class ArchiveAddress:
    """A zip archive at an https address.

    Attributes:
        text: as the user wrote it.
        url: URL of the archive.
        sha256: its SHA-256, in hex.
    """

    text: str
    url: str
    sha256: str

    @property
    def key(self) -> str:
        """Return the name of its folder in the cache: the same archive at another address is the same policy."""
        return self.sha256


def parse_address(text: str) -> HubAddress | ArchiveAddress:
    """Return what an address means; raises InputError for one that does not pin its content."""
    scheme = text.partition("://")[0]
    if scheme == "hf":
        return _hub(text)
    if scheme in SCHEMES:
        return _archive(text)
    raise InputError(f"{text!r} is no address of a policy; there are {FORMS}")


def _hub(text: str) -> HubAddress:
    found = re.fullmatch(rf"hf://({_PART}/{_PART})(?:@([^/]*))?((?:/{_PART})*)/?", text)
    if found is None:
        raise InputError(f"{text!r} is no address on the Hugging Face Hub: write hf://OWNER/REPO@COMMIT[/FOLDER]")
    repository, revision, folder = found.groups()
    if not re.fullmatch(r"[0-9a-f]{40}", revision or ""):
        why = "branches and tags can change" if revision else "without one it could change"
        raise InputError(
            f"{text!r} names no commit ({why}): add @ and its 40 hex digits, from the repository's history"
        )
    return HubAddress(text, f"{HUB}/{repository}/resolve/{revision}{folder}")


def _archive(text: str) -> ArchiveAddress:
    url, _, fragment = text.partition("#")
    pinned = re.fullmatch(r"sha256=([0-9a-fA-F]{64})", fragment)
    try:
        place = urlsplit(url)
        _ = place.port  # raises, too
    except ValueError:
        raise InputError(f"{text!r} is no address: check the host's name and port") from None
    if place.username or place.password:
        raise InputError(f"{place.hostname}: an address with a password would be stored in runs; leave it out")
    if not place.hostname or pinned is None:
        raise InputError(
            f"{text!r} is not pinned: write https://HOST/FILE.zip#sha256= and the 64 hex digits of its hash"
        )
    return ArchiveAddress(text, url, pinned[1].lower())
