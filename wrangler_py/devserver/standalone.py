"""The local Hyperdrive without a Worker: which databases it serves, and runs of it beside a command or alone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from wrangler_py.devserver.foreground_process import ForegroundProcess
from wrangler_py.devserver.local_hyperdrive import LocalHyperdrive
from wrangler_py.devserver.signals import on_signals
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive import limits
from wrangler_py.hyperdrive.config import Caching, PoolConfig
from wrangler_py.hyperdrive.connection_string import parse
from wrangler_py.hyperdrive.local import ResolvedBinding, resolve_binding
from wrangler_py.hyperdrive.tls import local_policy
from wrangler_py.project.config_file import ConfigFile
from wrangler_py.proxy.server import install_event_loop

Result = TypeVar("Result")

DEFAULT_BINDING = "HYPERDRIVE"
"""What a config or a connection string is bound as where no binding of a project names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandaloneOptions:
    """One run; None stands for what the config says, port 0 for any free one, no password for a random one.

    `database` is one of the same server, `pool_size` a number of origin connections.
    """

    root: Path
    state: Path
    port: int = 0
    password: str | None = None
    database: str | None = None
    pool_size: int | None = None
    caching_disabled: bool = False

    def adjust(self, pool: PoolConfig) -> PoolConfig:
        """`pool` as these options want it."""
        origin = pool.origin if self.database is None else replace(pool.origin, database=self.database)
        return replace(
            pool,
            origin=origin,
            caching=Caching(disabled=True) if self.caching_disabled else pool.caching,
            connection_limit=self.pool_size or pool.connection_limit,
        )


def resolve_target(target: str | None, config: ConfigFile | None, environment: str | None) -> list[ResolvedBinding]:
    """The databases `target` means: a binding of the project, else a stored config by id or name.

    None means every binding of the project. Raises `WranglerError` if there is no such thing.
    """
    from wrangler_py.hyperdrive.certificates import CertificateStore
    from wrangler_py.hyperdrive.store import ConfigStore

    store, certificates = ConfigStore(), CertificateStore()
    declared = () if config is None else config.section(environment).hyperdrive
    bindings = [
        resolve_binding(each.binding, each.id, each.local_connection_string, os.environ, store, certificates)
        for each in declared
        if target in (None, each.binding)
    ]
    if bindings:
        return bindings
    if target is not None:
        stored = store.get(target)
        return [resolve_binding(DEFAULT_BINDING, stored.id, None, {}, store, certificates)]
    raise WranglerError(
        "The project has no Hyperdrive binding.",
        hint="Name a config, or add a binding: wrangler-py hyperdrive bind CONFIG",
    )


def resolve_string(connection_string: str) -> list[ResolvedBinding]:
    """The database of a connection string, which as a local one may be plaintext.

    Raises `WranglerError` if it is malformed or names a certificate that cannot be read.
    """
    string = parse(connection_string)
    pool = PoolConfig(name=DEFAULT_BINDING, origin=string.origin, tls=local_policy(string))
    return [
        ResolvedBinding(
            binding=DEFAULT_BINDING, pool=pool, source="--connection-string", embedded_database=None, config=None
        )
    ]


def serve_as(bindings: Sequence[ResolvedBinding], user: str) -> list[ResolvedBinding]:
    """The one of `bindings`, for clients that log in as `user`. Raises `WranglerError` if there are several."""
    if len(bindings) > 1:
        names = ", ".join(each.binding for each in bindings)
        raise WranglerError(
            "One user name leads to one database, and the project has several bindings.",
            hint=f"Name one of them: {names}",
        )
    if "." in user or not user:
        raise WranglerError(
            f"{user!r} cannot be the user name: what follows a dot names a Worker's request.",
            hint="Choose one without a dot.",
        )
    if len(user.encode()) > limits.IDENTIFIER_MAX_BYTES:
        raise WranglerError(f"A user name has at most {limits.IDENTIFIER_MAX_BYTES} bytes.")
    return [replace(bindings[0], binding=user)]


def serve(
    bindings: Sequence[ResolvedBinding],
    options: StandaloneOptions,
    *,
    ready: Callable[[LocalHyperdrive], None],
    say: Callable[[str], None],
) -> None:
    """Serve `bindings` until Ctrl-C, SIGTERM or SIGHUP; `ready` is called when clients can connect.

    Raises `WranglerError` if it cannot start.
    """

    async def until_signal() -> None:
        ended = asyncio.Event()
        on_signals(asyncio.get_running_loop(), lambda _: ended.set())
        starting = asyncio.create_task(_hyperdrive(bindings, options, say).__aenter__())
        stop = asyncio.create_task(ended.wait())
        await asyncio.wait({starting, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return
        hyperdrive = starting.result()
        try:
            ready(hyperdrive)
            await stop
        finally:
            stop.cancel()
            await hyperdrive.close()

    _run(until_signal())


def run_command(
    command: Sequence[str],
    bindings: Sequence[ResolvedBinding],
    options: StandaloneOptions,
    *,
    cwd: Path,
    say: Callable[[str], None],
) -> int:
    """Run `command` with the connection in its environment; returns its exit status, 128 + n for a signal n.

    Signals that reach this process are passed on. Raises `WranglerError` if the command cannot be started,
    with the exit status a shell gives.
    """

    async def while_command_runs() -> int:
        process = ForegroundProcess(command)
        process.pass_signals_on()
        async with _hyperdrive(bindings, options, say) as hyperdrive:
            if process.interrupted:
                return 128 + signal.SIGINT
            await process.start(cwd=cwd, environment=hyperdrive.environment(os.environ))
            return await process.wait()

    return _run(while_command_runs())


def _hyperdrive(
    bindings: Sequence[ResolvedBinding], options: StandaloneOptions, say: Callable[[str], None]
) -> LocalHyperdrive:
    return LocalHyperdrive(
        bindings,
        root=options.root,
        state=options.state,
        say=say,
        adjust=options.adjust,
        port=options.port,
        password=options.password,
    )


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    with asyncio.Runner(loop_factory=install_event_loop()) as runner:
        return runner.run(work)
