"""Code that goes on and on is said, with its line."""

from __future__ import annotations

import runpy
import threading
from pathlib import Path
from queue import Queue
from types import SimpleNamespace
from typing import Any

from wrangler_py.worker.cpu_watchdog import BusyWatch

ENTRY = """\
def compute(stop):
    while not stop.is_set():
        sum(range(1000))

def wait(stop):
    stop.wait()
"""


def test_an_endless_loop_is_reported_once_but_not_a_wait(tmp_path: Path) -> None:
    main = tmp_path / "entry.py"
    main.write_text(ENTRY)
    said: Queue[str] = Queue()
    worker: Any = SimpleNamespace(
        launch=SimpleNamespace(root=tmp_path, main=main),
        failures=SimpleNamespace(relative=lambda path: Path(path).name),
        control=SimpleNamespace(log=lambda _, message: said.put(message)),
    )
    functions, stop = runpy.run_path(str(main)), threading.Event()
    threads = [threading.Thread(target=functions[name], args=[stop]) for name in ("compute", "wait")]
    for thread in threads:
        thread.start()
    try:
        BusyWatch(worker, tick_s=0.05, busy_s=0.2).start()
        assert said.get(timeout=30).startswith(("entry.py:2: this has been computing", "entry.py:3: this has"))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert said.empty()
