"""Policies from addresses: pinned, bounded, complete or not there, and without a network once fetched."""

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from served import Served, serving
from sim2real.checkpoints import load_policy, save_policy
from sim2real.errors import CheckpointError, InputError
from sim2real.models import addresses, archive, download, fetch
from sim2real.models.addresses import HubAddress, parse_address
from untrained import untrained

torch.set_num_threads(1)
pytestmark = pytest.mark.filterwarnings("ignore:fetched")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
HUB = f"hf://somebody/policies@{COMMIT}"
FOLDER = f"/somebody/policies/resolve/{COMMIT}"
frames = np.random.default_rng(0).integers(0, 256, (2, 24, 40, 3), dtype=np.uint8)


@pytest.fixture
def policy(tmp_path: Path) -> dict[str, bytes]:
    """The files of a policy."""
    save_policy(tmp_path / "policy", untrained(), {}, "# A policy")
    return {path.name: path.read_bytes() for path in (tmp_path / "policy").iterdir()}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server in place of the Hub and of https addresses."""
    with serving() as served:
        monkeypatch.setattr(addresses, "HUB", served.url)
        monkeypatch.setattr(addresses, "SCHEMES", ("http",))
        monkeypatch.setattr(download, "SCHEMES", ("http",))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield served


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIM2REAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "policies"


def zipped(files: dict[str, bytes], folder: str = "", compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as file:
        for name, value in files.items():
            file.writestr(folder + name, value)
    return content.getvalue()


def offer(server: Served, content: bytes, path: str = "/policy.zip") -> str:
    """Serve an archive; returns its pinned address."""
    server.files[path] = content
    return f"{server.url}{path}#sha256={hashlib.sha256(content).hexdigest()}"


def left(cache: Path) -> list[Path]:
    return list(cache.iterdir()) if cache.exists() else []


@pytest.mark.parametrize("inside", ["", "/car/best"])
def test_a_commit_of_the_hub(server: Served, policy: dict[str, bytes], cache: Path, inside: str):
    server.files = {f"{FOLDER}{inside}/{name}": content for name, content in policy.items()}
    with pytest.warns(UserWarning, match="fetched hf://somebody/policies@"):
        loaded = load_policy(HUB + inside)
    np.testing.assert_array_equal(loaded.act({"images.front": frames}), untrained().act({"images.front": frames}))
    assert len(server.asked) == 3
    load_policy(HUB + inside + "/")  # the same
    assert len(server.asked) == 3 and len(left(cache)) == 1


@pytest.mark.parametrize("folder", ["", "policy/"])
def test_an_archive(server: Served, policy: dict[str, bytes], cache: Path, folder: str):
    address = offer(server, zipped({**policy, "run.py": b"", "weights.pkl": b"", "__pycache__/x": b""}, folder))
    assert load_policy(address).config == untrained().config
    (kept,) = left(cache)
    assert sorted(path.name for path in kept.iterdir()) == ["README.md", "address.json", *sorted(policy)[1:]]


def test_a_card_is_not_needed(server: Served, policy: dict[str, bytes]):
    del policy["README.md"]
    assert load_policy(offer(server, zipped(policy))).config == untrained().config
    server.files |= {f"{FOLDER}/{name}": content for name, content in policy.items()}
    assert load_policy(HUB).config == untrained().config


def test_without_a_network_the_cached_copy_serves(
    policy: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, cache: Path
):
    with serving() as server:
        monkeypatch.setattr(addresses, "HUB", server.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        server.files = {f"{FOLDER}/{name}": content for name, content in policy.items()}
        load_policy(HUB)
    assert load_policy(HUB).config == untrained().config
    shutil.rmtree(cache)
    with pytest.raises(
        OSError, match=r"cannot fetch http.*config.json: 127.0.0.1 cannot be reached.*; once fetched"
    ) as caught:
        load_policy(HUB)
    assert "\n" not in str(caught.value) and not left(cache)


def test_a_flipped_byte_in_the_cache_is_refused(server: Served, policy: dict[str, bytes], cache: Path):
    address = offer(server, zipped(policy))
    load_policy(address)
    (folder,) = left(cache)
    for name in policy:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(CheckpointError, match=rf"{name} is damaged: another sha256 .*remove .* to fetch it again"):
            load_policy(address)
        (folder / name).write_bytes(content)
    (folder / "address.json").write_text('{"format_version": 1, "files": {}}')
    with pytest.raises(CheckpointError, match=r"address.json is damaged: it lists no files"):
        load_policy(address)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hf://somebody/policies@main", r"names no commit \(branches and tags can change\)"),
        ("hf://somebody/policies", "names no commit"),
        (f"hf://somebody@{COMMIT}", "write hf://OWNER/REPO@COMMIT"),
        (f"hf://somebody/../..@{COMMIT}", "write hf://OWNER/REPO@COMMIT"),
        (f"{HUB}/../../other/repo", "write hf://OWNER/REPO@COMMIT"),
        ("https://host.org/policy.zip", "is not pinned"),
        ("https://host.org/policy.zip#sha256=12ab", "is not pinned"),
        ("https:///policy.zip#sha256=" + 64 * "0", "is not pinned"),
        ("https://[x/policy.zip#sha256=" + 64 * "0", "is no address"),
        ("https://host.org:99999/policy.zip#sha256=" + 64 * "0", "is no address"),
        ("https://me:secret@host.org/policy.zip#sha256=" + 64 * "0", "^host.org: an address with a password"),
        ("http://host.org/policy.zip#sha256=" + 64 * "0", "is no address of a policy; there are hf://"),
        ("file:///etc/passwd", "is no address of a policy"),
    ],
)
def test_an_address_pins_what_it_names(text: str, message: str):
    with pytest.raises(InputError, match=message) as caught:
        load_policy(text)
    assert "\n" not in str(caught.value)


def test_an_address_that_was_made_a_path_is_told():
    with pytest.raises(InputError, match="give addresses as text, not as a Path"):
        load_policy(Path(HUB))


def test_the_hub_is_that_of_hugging_face():
    address = parse_address(f"{HUB}/car")
    assert isinstance(address, HubAddress)
    assert address.base == f"https://huggingface.co/somebody/policies/resolve/{COMMIT}/car"


def test_what_a_server_answers_wrong_leaves_nothing(server: Served, policy: dict[str, bytes], cache: Path):
    good = zipped(policy)
    address = offer(server, good)
    server.files["/policy.zip"] = good[:-1] + b"x"
    with pytest.raises(InputError, match="another sha256 than the address says: nothing of it is kept"):
        load_policy(address)
    server.files["/policy.zip"] = good
    server.cut.add("/policy.zip")
    with pytest.raises(OSError, match="broke off"):
        load_policy(address)
    server.cut.clear()
    server.status["/policy.zip"] = 503
    with pytest.raises(OSError, match="the server has a problem"):
        load_policy(address)
    server.status["/policy.zip"] = 404
    with pytest.raises(InputError, match=r"\(HTTP 404\): check the address"):
        load_policy(address)
    with pytest.raises(InputError, match=r"config.json \(HTTP 404\): check the address, and that it is public"):
        load_policy(HUB)
    assert not left(cache)
    server.status.clear()
    load_policy(address)


def test_a_redirection_stays_private(server: Served, policy: dict[str, bytes], cache: Path, monkeypatch):
    address = offer(server, zipped(policy))
    server.files["/there"] = server.files.pop("/policy.zip")
    server.moved["/policy.zip"] = f"{server.url}/there"
    monkeypatch.setattr(download, "SCHEMES", ("https",))
    with pytest.raises(InputError, match=r"redirects to http://.*, which is not https"):
        load_policy(address)
    server.moved["/policy.zip"] = "file:///etc/passwd"
    with pytest.raises(InputError, match="redirects to file:///etc/passwd, which is not https"):
        load_policy(address)
    assert "/there" not in server.asked and not left(cache)
    server.moved["/policy.zip"] = "/policy.zip"  # for ever
    with pytest.raises(OSError, match="cannot fetch"):
        load_policy(address)
    server.moved["/policy.zip"] = "/there"
    load_policy(address)


def test_giant_files_are_refused(server: Served, policy: dict[str, bytes], cache: Path, monkeypatch):
    monkeypatch.setattr(fetch, "MOST", 100_000)
    address = offer(server, zipped({**policy, "model.safetensors": bytes(100_001)}))
    assert len(server.files["/policy.zip"]) < 100_000  # small only as long as it is packed
    with pytest.raises(InputError, match=r"model.safetensors is larger than 0 MB"):
        load_policy(address)
    server.files[f"{FOLDER}/config.json"] = bytes(100_001)
    with pytest.raises(InputError, match=r"config.json is larger than 0 MB: this is no policy"):
        load_policy(HUB)
    assert not left(cache)


def link() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        info = zipfile.ZipInfo("config.json")
        info.external_attr = 0o120777 << 16
        file.writestr(info, "/etc/passwd")
        file.writestr("model.safetensors", b"")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no archive", "is not a zip archive that can be read"),
        (zipped({"model.safetensors": b""}), "has no config.json: it must hold one policy"),
        (zipped({"a/config.json": b"{}", "b/config.json": b"{}"}), "has 2 config.json: it must hold one policy"),
        (zipped({"config.json": b"{}", "b/model.safetensors": b""}), "has no model.safetensors beside its config.json"),
        (link(), "config.json is a link, not a file"),
    ],
)
def test_archives_that_are_refused(server: Served, cache: Path, content: bytes, message: str):
    with pytest.raises(InputError, match=message) as caught:
        load_policy(offer(server, content))
    assert "\n" not in str(caught.value) and not left(cache)


def test_paths_of_an_archive_are_not_written_to(tmp_path: Path, policy: dict[str, bytes]):
    (tmp_path / "evil.zip").write_bytes(zipped(policy, "../../../outside/"))
    (tmp_path / "deep" / "inside").mkdir(parents=True)
    archive.unpack(tmp_path / "evil.zip", tmp_path / "deep" / "inside", 10**9, "evil.zip")
    assert {path.name for path in (tmp_path / "deep" / "inside").iterdir()} == set(policy)
    assert not list(tmp_path.rglob("outside"))


def test_a_damaged_member_is_refused(tmp_path: Path, policy: dict[str, bytes]):
    content = bytearray(zipped(policy, compression=zipfile.ZIP_STORED))
    content[content.index(policy["model.safetensors"][:1000]) + 500] ^= 1
    (tmp_path / "damaged.zip").write_bytes(content)
    with pytest.raises(InputError, match="not a zip archive that can be read"):
        archive.unpack(tmp_path / "damaged.zip", tmp_path, 10**9, "damaged.zip")


def test_an_interruption_leaves_nothing(server: Served, policy: dict[str, bytes], cache: Path, monkeypatch):
    address = offer(server, zipped(policy))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download._Bounded, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            load_policy(address)
    assert not left(cache)
    load_policy(address)


def test_a_cache_that_cannot_be_written(server: Served, policy: dict[str, bytes], cache: Path, monkeypatch):
    address = offer(server, zipped(policy))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(cache))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)
        with pytest.raises(
            InputError, match=r"cannot write the cache .*: Permission denied; name another folder in SIM2R"
        ):
            load_policy(address)
        assert not server.asked
    load_policy(address)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)
        load_policy(address)  # the copy is there: nothing is written


def test_without_the_variable_the_cache_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("SIM2REAL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert fetch.cache_folder().name == "policies" and "sim2real" in fetch.cache_folder().parts


def test_the_record_names_the_address(server: Served, policy: dict[str, bytes], cache: Path):
    address = offer(server, zipped(policy))
    load_policy(address)
    (folder,) = left(cache)
    assert json.loads((folder / "address.json").read_text())["address"] == address
