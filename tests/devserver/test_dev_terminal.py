"""`wrangler-py dev` on a terminal: colours, hotkeys, and the terminal as it was afterwards."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.dev_process import DEADLINE_S, dev_environment, write_project

if sys.platform == "win32":
    pytest.skip("needs pseudo-terminals", allow_module_level=True)

import termios

import pexpect

ENTRY = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.url.endswith("/debug"):
            answer = 41
            breakpoint()
            return Response(str(answer))
        return Response("hello")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project", ENTRY)


def on_terminal(project: Path, *arguments: str, **environment: str) -> Any:
    return pexpect.spawn(
        sys.executable,
        ["-m", "wrangler_py", "dev", "--port", "0", *arguments],
        cwd=str(project),
        env=dev_environment(project / "home", {"TERM": "xterm", **environment}),
        timeout=DEADLINE_S,
        encoding="utf-8",
        dimensions=(50, 200),
    )


@pytest.fixture
def terminal(project: Path) -> Iterator[Any]:
    child = on_terminal(project)
    yield child
    child.close(force=True)


def modes(child: Any) -> int:
    return int(termios.tcgetattr(child.fileno())[3])


def test_hotkeys_work_and_the_terminal_is_given_back(terminal: Any) -> None:
    before = modes(terminal)
    assert before & termios.ICANON
    assert before & termios.ECHO
    terminal.expect(r"Ready on \x1b\[1m(http://\S+?)\x1b\[0m")
    url = terminal.match[1]
    terminal.expect(r"\[x\]\S* quit")
    assert not modes(terminal) & termios.ICANON
    assert modes(terminal) & termios.ISIG  # Ctrl-C still interrupts

    assert httpx.get(url).text == "hello"
    terminal.expect(r"GET / \x1b\[32m200 OK")
    terminal.send("r")
    terminal.expect("Reloaded in")
    assert httpx.get(url).text == "hello"
    terminal.send("c")
    terminal.expect("Cleared 0 cached answers")
    terminal.send("?")
    terminal.expect(r"\[r\]\S* restart")
    terminal.send("\x1b[A")  # an arrow is no hotkey
    terminal.send("x")
    terminal.expect("Stopping")
    terminal.expect(pexpect.EOF)
    terminal.wait()
    assert terminal.exitstatus == 0


@pytest.mark.parametrize(("key", "address"), [("b", r"Ready on (http://\S+)"), ("d", r"Dashboard: (http://\S+)")])
def test_a_key_opens_a_browser(key: str, address: str, project: Path, tmp_path: Path) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{opened}"\n')
    browser.chmod(0o755)
    child = on_terminal(project, NO_COLOR="1", BROWSER=f"{browser} %s")
    try:
        child.expect(address)
        url = child.match[1]
        child.expect(r"\[b\] open a browser  \[d\] open the dashboard")
        child.send(key)
        deadline = time.monotonic() + DEADLINE_S
        while not (opened.exists() and opened.read_text()):
            assert time.monotonic() < deadline
        assert opened.read_text().strip().rstrip("/") == url
        child.send("x")
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)


@pytest.mark.parametrize(("key", "address"), [("b", "The address is http"), ("d", "The dashboard is at http")])
def test_a_key_without_a_browser_says_the_address(key: str, address: str, project: Path, tmp_path: Path) -> None:
    # A browser that cannot be started; the system's own ones are not on the path.
    child = on_terminal(project, NO_COLOR="1", BROWSER="false %s", PATH=str(tmp_path), DISPLAY="")
    try:
        child.expect(r"\[b\] open a browser")
        child.send(key)
        child.expect(rf"No browser was found\. {address}://127\.0\.0\.1:\d+")
    finally:
        child.close(force=True)


def test_ctrl_c_gives_the_terminal_back(project: Path) -> None:
    shell = pexpect.spawn(
        "/bin/sh",
        [
            "-c",
            f'trap : INT; "{sys.executable}" -m wrangler_py dev --port 0; echo "status $?"; stty -a; read answer',
        ],
        cwd=str(project),
        env=dev_environment(project / "home", {"TERM": "xterm"}),
        timeout=DEADLINE_S,
        encoding="utf-8",
    )
    try:
        shell.expect(r"\[x\]\S* quit")
        shell.sendintr()
        shell.expect("Stopping")
        shell.expect(r"(?<!-)icanon\b")
        shell.expect(r"(?<![-\w])echo\b")
    finally:
        shell.close(force=True)


def test_no_color_is_honoured(project: Path) -> None:
    child = on_terminal(project, NO_COLOR="1")
    try:
        child.expect(r"\[x\] quit")
        assert "\x1b" not in child.before
    finally:
        child.close(force=True)


def test_breakpoint_gives_a_prompt_without_reload(project: Path) -> None:
    child = on_terminal(project, "--no-reload", NO_COLOR="1")
    try:
        child.expect(r"Ready on (http://\S+)")
        url = child.match[1]
        with ThreadPoolExecutor() as executor:
            answer = executor.submit(httpx.get, f"{url}/debug", timeout=DEADLINE_S)
            child.expect(r"\(Pdb\)")
            child.sendline("answer + 1")
            child.expect("42")
            child.sendline("continue")
            assert answer.result().text == "41"
        child.expect(r"GET /debug 200 OK")
        child.sendintr()
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)
