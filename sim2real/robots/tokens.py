"""The secret that a robot's bridge and its client share, and how each proves to the other that it knows it."""

import hmac
import os
import secrets
from pathlib import Path

from sim2real.errors import InputError

VARIABLE = "SIM2REAL_BRIDGE_TOKEN"
_SHORTEST = 16  # characters: a shorter one can be guessed from a proof
OTHERS = 0o077  # permissions of a file that somebody else could use


def read_token(file: Path | None) -> str:
    """Return the token of a file, or of the environment variable SIM2REAL_BRIDGE_TOKEN.

    Raises:
        InputError: there is none, others may read it, or it is too short.
    """
    if file is None:
        token, where = os.environ.get(VARIABLE, ""), VARIABLE
        if not token:
            raise InputError(f"no token: name the bridge's file with --token-file, or set {VARIABLE}")
    else:
        where = str(file)
        try:
            token = file.read_text().strip()
            mode = file.stat().st_mode
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or "no text"
            raise InputError(f"{file}: {why}: copy the token's file from the bridge's computer") from None
        if os.name == "posix" and mode & OTHERS:
            raise InputError(f"{file} can be read by others: chmod 600 {file}")
    if len(token) < _SHORTEST:
        raise InputError(f"the token of {where} is too short: it needs {_SHORTEST} characters or more")
    return token


def keep_token(file: Path) -> str:
    """Return the token of a file, which is made, for its owner only, if there is none.

    Raises:
        InputError: as `read_token`, or the file cannot be written.
    """
    if file.exists():
        return read_token(file)
    token = secrets.token_urlsafe(24)
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(token + "\n")
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}: name another with --token-file") from None
    return token


def nonce() -> str:
    """Return what a proof answers; each is used once."""
    return secrets.token_hex(16)


def proof(token: str, role: str, asked: str, own: str) -> str:
    """Return what only an end that knows the token can say (HMAC-SHA-256; RFC 2104).

    Args:
        role: of the end that proves: "robot" or "client", so that no proof can be sent back.
        asked, own: nonces of the other end and of this one.
    """
    return hmac.new(token.encode(), f"{role} {asked} {own}".encode(), "sha256").hexdigest()


def proves(said: object, token: str, role: str, asked: str, own: str) -> bool:
    """Return whether an end said the proof of its role."""
    return (
        isinstance(said, str)
        and said.isascii()
        and hmac.compare_digest(said.encode(), proof(token, role, asked, own).encode())
    )
