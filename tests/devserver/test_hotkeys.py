"""Keys of a Windows console, as `msvcrt.getwch` gives them. Those of a terminal are in test_dev_terminal.py."""

from __future__ import annotations

from itertools import islice

from wrangler_py.devserver.hotkeys import console_keys

INSERT, F1, CTRL_C = "\xe0R", "\0;", "\x03"


def test_special_keys_are_no_letters() -> None:
    typed = iter(f"r{INSERT}{F1}{CTRL_C}{INSERT}x")
    assert list(islice(console_keys(lambda: next(typed)), 3)) == ["r", CTRL_C, "x"]
