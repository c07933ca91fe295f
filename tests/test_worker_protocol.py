"""Messages between a dev session and a Worker process survive the way through a line of JSON."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrangler_py.worker_protocol import (
    AssetSettings,
    Drain,
    HyperdriveEndpoint,
    Launch,
    Log,
    Message,
    Ready,
    from_line,
    to_line,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
PATHS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1).map(Path)


st.register_type_strategy(Path, PATHS)


def with_all_fields(kind: type[Any], **given: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values of a message type, also of the fields that have a default."""
    strategies = {name: st.from_type(type_) for name, type_ in get_type_hints(kind).items()}
    return st.builds(kind, **strategies | {name: each for name, each in given.items() if name in strategies})


def messages() -> st.SearchStrategy[Message]:
    for part in (HyperdriveEndpoint, AssetSettings):
        st.register_type_strategy(part, with_all_fields)
    variables = st.dictionaries(st.text(), JSON)
    numbers = st.floats(allow_nan=False)
    return st.one_of([with_all_fields(kind, vars=variables, ms=numbers) for kind in get_args(Message)])


@given(messages())
def test_a_message_survives_the_line(message: Message) -> None:
    line = to_line(message)
    assert (line[-1:], line.count(b"\n")) == (b"\n", 1)
    assert from_line(line) == message


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b'"end"\n',
        b"[]",
        b"3",
        b"{}",
        b'["Other"]',
        b'[["Ready"]]',
        to_line(Log("info", "cut off"))[:-5],
        b'["Log","info"]',
        b'["Log","info","message","more"]',
        b'["Ready",{"more":1}]',
        b'["Ready"]',
        b'["Launch",{"main":"a","root":"b"}]',
        b'["Preload","b"]',
    ],
)
def test_anything_else_is_an_error(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a message|Expecting|Unterminated"):
        from_line(line)


def test_secrets_stay_out_of_repr() -> None:
    launch = Launch(Path("main.py"), Path(), vars={"TOKEN": "s3cr3t"})
    assert "s3cr3t" not in repr(launch)
    assert from_line(to_line(launch)) == launch


def test_messages_without_fields() -> None:
    assert to_line(Drain()) == b'["Drain",{}]\n'
    assert from_line(b'["Ready",{}]') == Ready()


def test_it_imports_little() -> None:
    """The Worker process imports it before anything else."""
    code = "import sys; import wrangler_py.worker_protocol; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    ours = {name for name in loaded if name.startswith("wrangler_py")}
    assert ours == {"wrangler_py", "wrangler_py.worker_protocol"}
    assert not {name.partition(".")[0] for name in loaded} & {"asyncio", "httpx", "rich", "typer", "psycopg"}
