"""The secret of a bridge: made once, for its owner only."""

from pathlib import Path

import pytest

from bridges import TOKEN
from sim2real.errors import InputError
from sim2real.robots.tokens import VARIABLE, keep_token, read_token


def test_a_token_is_made_once_and_for_its_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    file = tmp_path / "bridge.token"
    token = keep_token(file)
    assert len(token) >= 32 and file.stat().st_mode & 0o777 == 0o600
    assert keep_token(file) == read_token(file) == token
    file.chmod(0o644)
    with pytest.raises(InputError, match="can be read by others: chmod 600"):
        read_token(file)
    with pytest.raises(InputError, match=r"no token: name the bridge's file with --token-file"):
        read_token(None)
    monkeypatch.setenv(VARIABLE, "short")
    with pytest.raises(InputError, match="too short"):
        read_token(None)
    monkeypatch.setenv(VARIABLE, TOKEN)
    assert read_token(None) == TOKEN
    with pytest.raises(InputError, match="none: No such file"):
        read_token(tmp_path / "none")
    with pytest.raises(InputError, match="No such file or directory: name another"):
        keep_token(tmp_path / "no" / "token")
