"""The developer's loop, beside `wrangler dev` with an equal JavaScript Worker: start, reload, requests."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from benchmarks.figures import OURS, Bound, Cell, Result, at_least, at_most, interleave, ratio
from benchmarks.http_load import generator, requests_per_second
from benchmarks.lab import WRANGLER, Lab
from benchmarks.peers.dev_server import DevServer, wrangler_dev, wrangler_py_dev
from benchmarks.settings import Settings

RELOADS = 20
CONNECTIONS = 16


def _servers(lab: Lab, running: ExitStack) -> dict[str, DevServer]:
    servers = {}
    if lab.node is not None:
        servers[WRANGLER] = running.enter_context(wrangler_dev(lab.node, lab.direct))
    servers[OURS] = running.enter_context(wrangler_py_dev(lab.direct))
    return servers


def estimate_dev_start_s(settings: Settings) -> float:
    return (settings.rounds + 1) * 6


def dev_start(lab: Lab) -> Result:
    """From the command to the first answered request; a first start of each, which fills caches, isn't counted."""
    with ExitStack() as running:
        servers = _servers(lab, running)
        for name, server in servers.items():
            lab.say(f"first start · {name}")
            server.start()
        starts = {name: server.restart for name, server in servers.items()}
        cell = interleave("command to first answer", "s", starts, lab.settings.rounds, lab.say)
    return Result([cell], ratio(cell, WRANGLER, at_most(0.27)))


def estimate_dev_memory_s(settings: Settings) -> float:
    return settings.rounds * 10


def dev_memory(lab: Lab) -> Result:
    """Memory of a dev session with one Worker that has answered, with its database's apart."""

    def started_mb(server: DevServer) -> float:
        server.restart()
        for path in ("/", "/query"):
            status, body = server.get(path)
            if status != 200:
                raise RuntimeError(f"{path} answers {status}: {body[:200]}")
        return server.memory_mb()

    with ExitStack() as running:
        servers = {name: partial(started_mb, server) for name, server in _servers(lab, running).items()}
        cell = interleave("a session with one Worker", "MB", servers, lab.settings.rounds, lab.say)
    return Result([cell], ratio(cell, WRANGLER, at_most(0.25)))


def estimate_reload_s(settings: Settings) -> float:
    return 12 + settings.sized(RELOADS) * 1.0


def reload(lab: Lab) -> Result:
    """From saving the entry file to the first answer of the new code, both servers running."""
    with ExitStack() as running:
        servers = _servers(lab, running)
        for name, server in servers.items():
            lab.say(f"start · {name}")
            server.start()
        figures: dict[str, list[float]] = {name: [] for name in servers}
        for number in range(lab.settings.sized(RELOADS)):
            for name, server in servers.items():
                lab.say(f"save {number + 1} · {name}")
                figures[name].append(server.save(f"version {number + 1}"))
    cell = Cell("save to first new answer", "s", figures)
    return Result([cell], ratio(cell, WRANGLER, at_most(0.15)))


def estimate_requests_s(settings: Settings) -> float:
    return 12 + 2 * 2 * (settings.rounds + 1) * (settings.seconds + 0.2)


def requests(lab: Lab) -> Result:
    """Requests a second over 16 connections: plain text, and one query with a new client a request."""
    bounds: dict[str, tuple[str, Bound]] = {
        "/": ("plain text", at_least(15)),
        "/query": ("a query with a new client", at_least(5)),
    }
    cells, checks = [], []
    with ExitStack() as running:
        servers = _servers(lab, running)
        for name, server in servers.items():
            lab.say(f"start · {name}")
            server.start()
        for path, (label, bound) in bounds.items():
            loads = {
                name: partial(
                    requests_per_second,
                    server.url + path,
                    connections=CONNECTIONS,
                    seconds=lab.settings.seconds,
                )
                for name, server in servers.items()
            }
            for name, load in loads.items():
                lab.say(f"{label} · warm-up · {name}")
                load()
            cell = interleave(label, "req/s", loads, lab.settings.rounds, lab.say)
            cells.append(cell)
            checks += ratio(cell, WRANGLER, bound)
    return Result(cells, checks, [f"Load from {generator()}."])
