"""A child process that ends when its parent is killed, in both of the ways there are."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest
from support.dev_process import wait_until_gone

PARENT = """
import signal, subprocess, sys, time
from wrangler_py.devserver import parent_death
child = subprocess.Popen(["sleep", "600"], preexec_fn={preexec})
watch = {watch}
print(child.pid, flush=True)
time.sleep(600)
"""
BY_THE_KERNEL = {"preexec": "parent_death.ask_for_signal_at_parents_death(signal.SIGINT)", "watch": "None"}
BY_A_PROCESS = {"preexec": "None", "watch": "parent_death.shell_watch(child.pid, signal.SIGINT)"}


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize(
    "way",
    [
        pytest.param(BY_THE_KERNEL, marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux only")),
        BY_A_PROCESS,
    ],
)
def test_a_child_ends_with_a_parent_that_is_killed(way: dict[str, str]) -> None:
    command = [sys.executable, "-c", PARENT.format(**way)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        family = psutil.Process(parent.pid).children()
        parent.kill()
        wait_until_gone([child, *family])
