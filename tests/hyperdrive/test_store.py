"""The local store: private, whole after any kill, safe between processes, clear about damage."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from wrangler_py import atomic_file
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.config import Caching, HyperdriveConfig, Origin, TLSSettings
from wrangler_py.hyperdrive.config_json import to_public
from wrangler_py.hyperdrive.config_store import ConfigStore, new_id

ORIGIN = Origin(host="h", database="d", user="u", password="s3cr3t")


def config(name: str, **changes: object) -> HyperdriveConfig:
    return HyperdriveConfig(**{"id": new_id(), "name": name, "origin": ORIGIN, **changes})  # type: ignore[arg-type]


def test_add_get_replace_remove(tmp_path: Path) -> None:
    store = ConfigStore(tmp_path)
    assert store.list() == []
    full = store.add(
        config(
            "full",
            caching=Caching(max_age=5, stale_while_revalidate=0),
            mtls=TLSSettings(sslmode="verify-ca", ca_certificate_id="ca"),
            origin_connection_limit=7,
        )
    )
    embedded = store.add(config("embedded", origin=None, embedded_database="x", caching=Caching(disabled=True)))
    assert ConfigStore(tmp_path).list() == [full, embedded]
    assert store.get("full") == store.get(full.id) == full
    renamed = store.replace(config("renamed", id=full.id))
    assert store.list() == [renamed, embedded]
    assert store.remove(embedded.id) == embedded
    assert store.list() == [renamed]
    assert store.find("full") is None


def test_unknown_and_taken_names(tmp_path: Path) -> None:
    store = ConfigStore(tmp_path)
    with pytest.raises(WranglerError, match="No Hyperdrive config has the id or name 'x'") as caught:
        store.get("x")
    assert "hyperdrive create" in (caught.value.hint or "")
    first = store.add(config("first"))
    second = store.add(config("second"))
    with pytest.raises(WranglerError, match=f"name 'first' exists already: {first.id}"):
        store.add(config("first"))
    with pytest.raises(WranglerError, match="exists already"):
        store.replace(config("first", id=second.id))
    with pytest.raises(WranglerError) as caught:
        store.remove("third")
    assert caught.value.hint == "Known configs: first, second"
    assert [each.name for each in store.list()] == ["first", "second"]


@pytest.mark.parametrize("name", ["", " x", "x ", "a\nb", "\x1b[31m", "0123456789abcdef" * 2])
def test_names_that_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(WranglerError, match="The name of a config must"):
        ConfigStore(tmp_path).add(config(name))


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    store = ConfigStore(tmp_path / "new" / "home")
    previous = os.umask(0)
    try:
        store.add(config("x"))
    finally:
        os.umask(previous)
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700


def test_public_json_has_no_password(tmp_path: Path) -> None:
    shown = json.dumps(to_public(config("x")))
    assert "s3cr3t" not in shown
    assert "password" not in shown


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is damaged"),
        (b'{"version": 1, "configs": [', "is damaged"),
        (b"[]", "is damaged"),
        (b'{"version": 1}', "is damaged"),
        (b'{"version": 1, "configs": [{"id": "x"}]}', "lacks a part"),
        (b'{"version": 1, "configs": [{"id": "x", "name": "n", "origin": 1}]}', "lacks a part"),
        (b"\xff", "is not UTF-8 text"),
        (b'{"version": 2, "configs": []}', "later version"),
    ],
)
def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path, content: bytes, message: str) -> None:
    store = ConfigStore(tmp_path)
    store.path.write_bytes(content)
    for action in (store.list, lambda: store.add(config("x"))):
        with pytest.raises(WranglerError, match=message) as caught:
            action()
        assert str(store.path) in caught.value.message
    assert store.path.read_bytes() == content


def test_a_file_that_is_being_read_is_replaced_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, which refuses meanwhile."""
    replace = Path.replace
    refusals = [PermissionError(13, "being read")] * 2

    def refuse_at_first(self: Path, target: Path) -> Path:
        if refusals:
            raise refusals.pop()
        return replace(self, target)

    store = ConfigStore(tmp_path)
    monkeypatch.setattr(Path, "replace", refuse_at_first)
    monkeypatch.setattr(atomic_file, "REPLACE_PATIENCE_S", 0.0)
    with pytest.raises(WranglerError, match=r"Cannot write .*: being read"):
        store.add(config("x"))
    monkeypatch.setattr(atomic_file, "REPLACE_PATIENCE_S", 20.0)
    store.add(config("x"))
    assert refusals == []
    assert [each.name for each in store.list()] == ["x"]


_WRITER = """
import sys
from pathlib import Path
from wrangler_py.hyperdrive.config import HyperdriveConfig, Origin
from wrangler_py.hyperdrive.config_store import ConfigStore, new_id
store = ConfigStore(Path(sys.argv[1]))
origin = Origin(host="h", database="d", user="u", password="p" * 100_000)
print("started", flush=True)
for number in range(int(sys.argv[2])):
    config = HyperdriveConfig(id=new_id(), name=f"{sys.argv[3]}-{number}", origin=origin)
    store.add(config)
    store.remove(config.id)
store.add(config)
"""


def writer(home: Path, rounds: int, name: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(home), str(rounds), name], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_killed_in_the_middle_of_writing(tmp_path: Path) -> None:
    store = ConfigStore(tmp_path)
    kept = store.add(config("kept"))
    torn = 0
    for round_number in range(12):
        with writer(tmp_path, 1_000_000, f"w{round_number}") as process:
            # Catch it between two of its writes' steps: as soon as a temporary file is there.
            while not list(tmp_path.glob(".hyperdrive.json.*.tmp")):
                assert process.poll() is None
            process.send_signal(signal.SIGKILL)
        torn += bool(list(tmp_path.glob(".hyperdrive.json.*.tmp")))
        assert kept in store.list()
    assert torn, "no kill hit the middle of a write"
    store.add(config("after"))
    assert {"kept", "after"} <= {each.name for each in store.list()}
    assert not list(tmp_path.glob("*.tmp")), "leftovers are cleared away"


def test_no_edit_is_lost_between_processes(tmp_path: Path) -> None:
    processes = [writer(tmp_path, 10, f"w{number}") for number in range(3)]
    for process in processes:
        with process:
            assert process.wait() == 0
    assert {each.name for each in ConfigStore(tmp_path).list()} == {"w0-9", "w1-9", "w2-9"}
