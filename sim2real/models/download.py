"""Download one file: complete with the right hash and not too large, or not at all."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sim2real.errors import InputError
from sim2real.models.addresses import SCHEMES

if TYPE_CHECKING:
    from requests import Response

SECONDS = 30  # without an answer
MISSING = 404


class _Bounded:
    """A file that refuses to grow beyond a size."""

    def __init__(self, file: Any, most: int, url: str) -> None:
        self._file, self._left, self._most, self._url = file, most, most, url

    def write(self, content: bytes) -> None:
        self._left -= len(content)
        if self._left < 0:
            raise InputError(f"{self._url} is larger than {self._most / 1e6:.0f} MB: this is no policy")
        self._file.write(content)

    def flush(self) -> None:
        self._file.flush()


def download(url: str, path: Path, most: int, sha256: str | None = None, required: bool = True) -> None:
    """Download to a path; after an error nothing is there.

    Args:
        most: bytes.
        sha256: hash that the file must have, in hex.
        required: whether a file that does not exist there is an error.

    Raises:
        InputError: no such file, another hash, too large, or a redirection away from https.
        OSError: no answer, an interrupted download (without errno); writing failed.
    """
    # Imported here because only addresses need them.
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.ERROR)
    fetch = pooch.HTTPDownloader(chunk_size=2**16, timeout=SECONDS, hooks={"response": _stay_private})

    def bounded(fname: str, action: Any, pooch: Any, *, check_only: bool | None = None) -> None:
        with Path(action).open("wb") as file:  # pooch's temporary file, which it checks and renames
            fetch(fname, _Bounded(file, most, url), pooch)

    known = None if sha256 is None else f"sha256:{sha256}"
    try:
        pooch.retrieve(url, known, fname=path.name, path=path.parent, downloader=bounded)
    except InputError:
        raise
    except requests.HTTPError as error:
        status = 0 if error.response is None else error.response.status_code
        if status == MISSING and not required:
            return
        if status >= 500:
            raise OSError(f"cannot fetch {url}: the server has a problem (HTTP {status}); try again later") from None
        raise InputError(f"cannot fetch {url} (HTTP {status}): check the address, and that it is public") from None
    except requests.RequestException as error:
        kinds = {
            requests.exceptions.SSLError: "has no certificate that is trusted here",
            requests.Timeout: f"does not answer within {SECONDS} s",
            requests.ConnectionError: "cannot be reached",
        }
        said = next((text for kind, text in kinds.items() if isinstance(error, kind)), "broke off")
        why = f"{urlsplit(url).hostname} {said}"
        raise OSError(f"cannot fetch {url}: {why}; once fetched, no network is needed") from None
    except ValueError:
        raise InputError(f"{url} has another sha256 than the address says: nothing of it is kept") from None


def _stay_private(response: "Response", **_: Any) -> None:
    """Raise InputError before a redirection to anything but https is followed."""
    target = response.headers.get("location", "")
    if response.is_redirect and urlsplit(target).scheme not in ("", *SCHEMES):
        raise InputError(f"{response.url} redirects to {target[:200]}, which is not https")
