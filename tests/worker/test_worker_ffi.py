"""`pyodide.ffi` as Pyodide documents it."""

from __future__ import annotations

import pytest
from support.worker_child import StartWorker

from wrangler_py.worker_protocol import HandlerException, LoadError

IMPORTS = """
import asyncio, json
import js
from js import Array, Map, Object, Set, Uint8Array
from pyodide.ffi import (
    ConversionError, JsArray, JsBuffer, JsDoubleProxy, JsException, JsIterable, JsMap, JsPromise, JsProxy,
    JsTypedArray, can_run_sync, create_once_callable, create_proxy, destroy_proxies, jsnull, run_sync, to_js,
)
from workers import Response, WorkerEntrypoint

class Pair:
    def __init__(self, first, second):
        self.first, self.second = first, second

def raises(kind, function, *args, **options):
    try:
        function(*args, **options)
    except kind as error:
        return str(error)
    raise AssertionError(f"no {kind.__name__}")

class Default(WorkerEntrypoint):
    async def fetch(self, request):
"""

CHECKS = {
    "containers": """
        made = to_js([1, "a", None, True, 2.5, (3, 4)])
        assert made.constructor.name == "Array" and isinstance(made, JsArray) and not isinstance(made, list)
        assert made.to_py() == [1, "a", None, True, 2.5, [3, 4]] and made[-1].length == 2
        assert to_js({1, 2}).constructor.name == "Set" and to_js({1, 2}).to_py() == {1, 2}
        assert to_js({1: "a"}).constructor.name == "Object" and to_js({1: "a"}).to_py() == {"1": "a"}
        assert to_js({"a": {"b": 1}}).a.b == 1
        pairs = to_js({"a": 1}, dict_converter=Map.new)
        assert isinstance(pairs, JsMap) and pairs["a"] == 1 and list(pairs.items()) == [("a", 1)]
        data = to_js(b"abc")
        assert isinstance(data, JsTypedArray) and isinstance(data, JsBuffer) and data.to_bytes() == b"abc"
        assert data.to_string() == "abc" and bytes(data.to_py()) == b"abc" and data.byteLength == 3
        data.assign(b"xyz")
        target = bytearray(3)
        data.assign_to(target)
        assert target == b"xyz"
    """,
    "depth": """
        nested = [[[1]]]
        shallow = to_js(nested, depth=1)
        assert shallow.constructor.name == "Array"
        assert shallow[0] is nested[0]
        assert Array.new(Array.new(1)).to_py(depth=1)[0].constructor.name == "Array"
    """,
    "proxies": """
        proxies = to_js([])
        pair = Pair(1, 2)
        made = to_js([pair], pyproxies=proxies)
        assert proxies.length == 1 and made[0].unwrap() is pair and made[0].first == 1
        destroy_proxies(proxies)
        assert "destroyed" in raises(JsException, made[0].unwrap)
        assert "No conversion known" in raises(ConversionError, to_js, [pair], create_pyproxies=False)
        once = create_once_callable(lambda value: value * 2)
        assert once(4) == 8 and "only be called once" in raises(JsException, once, 4)
        proxy = create_proxy([1, 2])
        assert list(proxy) == [1, 2] and isinstance(proxy, JsDoubleProxy)
    """,
    "converters": """
        def of_pair(value, convert, cache):
            if not isinstance(value, Pair):
                return value
            made = Array.new()
            cache(value, made)
            made.push(convert(value.first), convert(value.second))
            return made
        pair = Pair(1, None)
        pair.second = pair
        made = to_js(pair, default_converter=of_pair)
        assert made[0] == 1 and made[1] is made

        def of_url(value, convert, cache):
            return str(value.href) if value.constructor.name == "URL" else value
        assert to_js([js.URL.new("https://e.com")]).to_py(default_converter=of_url) == ["https://e.com/"]
    """,
    "null and undefined": """
        assert js.undefined is None and not hasattr(js, "null") and not jsnull and repr(jsnull) == "jsnull"
        assert js.JSON.parse("[null]")[0] is jsnull and json.dumps({"a": jsnull}) == '{"a": null}'
        assert js.JSON.stringify(to_js({"a": None, "b": jsnull})) == '{"b":null}'
        assert request.js_object.headers.get("x-none") is jsnull
    """,
    "objects": """
        made = Object.new(a=1)
        made.b = "x"
        assert hasattr(made, "b") and not hasattr(made, "c") and made.to_py() == {"a": 1, "b": "x"}
        del made.b
        assert made.object_keys().to_py() == ["a"] and made.object_values().to_py() == [1]
        assert [list(pair) for pair in made.object_entries()] == [["a", 1]]
        assert "not subscriptable" in raises(TypeError, lambda: made["a"]) and str(made) == "[object Object]"
        assert made.typeof == "object" and js.URL.typeof == "function" and made.js_id == made.js_id
        assert "use the 'new' operator" in raises(JsException, js.Headers)
        assert isinstance(js.URLSearchParams.new(""), JsIterable) and isinstance(made, JsProxy)
        error = js.TypeError.new("wrong")
        assert isinstance(error, JsException) and (error.name, error.message) == ("TypeError", "wrong")
        assert str(error) == "TypeError: wrong"
    """,
    "promises": """
        order = []
        async def work(name):
            order.append(f"{name} begun")
            await asyncio.sleep(0)
            order.append(f"{name} done")
            return name
        promise = js.Promise.resolve(1).then(lambda value: value + 1)
        assert isinstance(promise, JsPromise) and await promise == 2 and await promise == 2
        failing = js.Promise.reject(js.Error.new("no"))
        assert await failing.catch(lambda error: error.message) == "no"
        assert (await js.Promise.all(to_js([js.Promise.resolve(1), 2]))).to_py() == [1, 2]
        assert can_run_sync() and run_sync(work("inner")) == "inner"
        task = asyncio.create_task(work("task"))
        assert run_sync(work("outer")) == "outer" and "task done" in order + [await task and "task done"]
        def nested():
            return run_sync(work("deep"))
        async def deeper():
            return nested()
        assert run_sync(deeper()) == "deep" and asyncio.run(work("run")) == "run"
        async def fails():
            raise LookupError("inside")
        assert raises(LookupError, run_sync, fails()) == "inside"
    """,
}


@pytest.mark.parametrize("name", CHECKS)
def test_ffi(start_worker: StartWorker, name: str) -> None:
    child = start_worker(IMPORTS + CHECKS[name].rstrip() + '\n        return Response("fine")\n')
    assert child.client.get("/").text == "fine"
    assert not child.of_kind(HandlerException)


def test_run_sync_outside_of_a_request(start_worker: StartWorker) -> None:
    child = start_worker(
        "import asyncio\nfrom pyodide.ffi import run_sync\nrun_sync(asyncio.sleep(0))\n", ready=False
    )
    assert "RuntimeError: Cannot stack switch" in child.wait_for(LoadError).summary
