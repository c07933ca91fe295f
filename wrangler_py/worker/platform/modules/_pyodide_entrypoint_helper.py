"""`_pyodide_entrypoint_helper`: what the SDK asks of the runtime's JavaScript side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wrangler_py.worker.platform.current import current_invocation
from wrangler_py.worker.platform.execution_context import ExecutionContext
from wrangler_py.worker.platform.not_emulated import NotEmulated
from wrangler_py.worker.platform.promise import JsPromise
from wrangler_py.worker.platform.values import JsException, JsProxy, js_function, own_properties


class _CurrentEnv(JsProxy):
    """`env` of cloudflare:workers: stands for the env of the request that the running code belongs to."""

    js_name = "Object"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        env = current_invocation("workers.env").env
        return env.shared(name)

    def __dir__(self) -> list[str]:
        return dir(current_invocation("workers.env").env)

    def _own_properties(self) -> dict[str, Any]:
        env = current_invocation("workers.env").env
        return {name: env.shared(name) for name in dir(env)}


class _WorkersModule(JsProxy):
    js_name = "Module"

    def __init__(self) -> None:
        self.env = _CurrentEnv.new()
        for name in ("DurableObject", "RpcTarget", "WorkerEntrypoint", "WorkflowEntrypoint", "exports", "cache"):
            setattr(self, name, NotEmulated(f"cloudflare:workers {name}", _JAVASCRIPT_ONLY.format(name=name)))

    def waitUntil(self, awaitable: Any = None) -> None:
        """Keep the current request open after its response until `awaitable` is done, for 30 s at most."""
        current_invocation("waitUntil").wait_until(awaitable)


_JAVASCRIPT_ONLY = (
    "{name} of cloudflare:workers is not part of wrangler-py. Use the workers module's classes, "
    "or run this route with `pywrangler dev`"
)


class _SocketsModule(JsProxy):
    js_name = "Module"

    @js_function
    def connect(self, address: Any = None, options: Any = None) -> Any:
        """Open a TCP connection."""
        from wrangler_py.worker.platform.sockets import connect

        return connect(address, options)


cloudflareWorkersModule = _WorkersModule.new()
cloudflareSocketsModule = _SocketsModule.new()

_MODULES = {"cloudflare:workers": cloudflareWorkersModule, "cloudflare:sockets": cloudflareSocketsModule}


def doAnImport(name: str) -> JsPromise:
    """Import a JavaScript module."""
    module = _MODULES.get(name)
    if module is None:
        return JsPromise.rejected(JsException.new(f'No such module "{name}".'))
    return JsPromise.resolved(module)


def patchWaitUntil(_ctx: Any) -> None:
    """Let `ctx.waitUntil` take Python awaitables: it does from the start."""


def patch_env_helper(values: Any) -> Iterator[None]:
    """Change variables of `workers.env` until the generator is closed, in this request alone."""
    new = own_properties(values) or values.to_py()
    with current_invocation("patch_env").env.patched(new):
        yield


def __getattr__(name: str) -> Any:
    if name == "workerEntrypoint":
        return ExecutionContext
    raise AttributeError(name)
