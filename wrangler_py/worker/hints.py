"""Hints for exceptions: a sentence for each mistake that is made often."""

from __future__ import annotations

import difflib
import re
import sys
import traceback
from pathlib import Path

from wrangler_py.worker.imports import NAMES, PLATFORM, is_there
from wrangler_py.worker.platform.convert import ConversionError
from wrangler_py.worker.platform.js_module import PLACES, namespace
from wrangler_py.worker.platform.promise import JsPromise
from wrangler_py.worker.platform.values import JsException, JsProxy, JsProxyMeta

_DRIVERS = {
    "psycopg": "pip install 'psycopg[binary]'",
    "psycopg_binary": "pip install 'psycopg[binary]'",
    "psycopg_pool": "pip install 'psycopg[binary,pool]'",
    "psycopg2": "psycopg2 does not run in Python Workers: use psycopg 3 (pip install 'psycopg[binary]')",
    "sqlalchemy": "pip install sqlalchemy 'psycopg[binary]'",
}
_ATTRIBUTES = {
    "args": "urllib.parse.parse_qs(urllib.parse.urlsplit(request.url).query)",
    "content": "await request.bytes()",
    "form": "await request.form_data()",
    "get_json": "await request.json()",
    "path": "urllib.parse.urlsplit(request.url).path",
    "query": "urllib.parse.parse_qs(urllib.parse.urlsplit(request.url).query)",
    "status_code": "response.status",
}
"""The platform's equivalents of names that requests and responses have in other frameworks."""
_MISSING_NAME = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")
_AWAIT = "put `await` before the call that gives it"
_UNSUPPORTED_BODY = re.compile(r"Unsupported type in Response: (\w+)")
_BODIES = {
    "Blob": "Response(blob.js_object)",
    "File": "Response(file.js_object)",
    "JsPromise": _AWAIT,
    "Promise": _AWAIT,
    "async_generator": (
        "wrap it in a stream: write the pieces to a js.TransformStream in the background, and return its readable"
    ),
    "bytearray": "Response(bytes(…))",
    "coroutine": _AWAIT,
    "dict": "Response.json(…)",
    "generator": (
        "wrap it in a stream: write the pieces to a js.TransformStream in the background, and return its readable; "
        "or join them, if they are few"
    ),
    "list": "Response.json(…)",
    "memoryview": "Response(bytes(…))",
}
_MESSAGES = (
    (
        re.compile(r"Unable to parse URL: /"),
        'urllib.parse.urljoin(request.url, "/…")',
    ),
    (
        re.compile(r"is not of type '(Headers or )?Sequence"),
        "a list of pairs, or to_js(dict, dict_converter=Object.fromEntries): a dict is no JavaScript object",
    ),
    (
        re.compile(r"is not of type 'Array'|Incorrect type for array"),
        "to_js([…]): the web platform sees no Array in a Python list",
    ),
    (
        re.compile(r"did not return bytes"),
        "streams of bodies carry bytes: controller.enqueue(to_js(text.encode()))",
    ),
    (
        re.compile(r"when an iterator was exhausted"),
        "to_js([…]) in place of the list, or for coroutines asyncio.gather(…)",
    ),
    (
        re.compile(r"serialize a BigInt"),
        "str(…) for integers from 2**53 - 1 on: JavaScript has a BigInt for them, which JSON can't hold",
    ),
    (
        re.compile(r"Key collision when converting"),
        "other keys, or to_js(…, dict_converter=Object.fromEntries): they are names of properties of an object",
    ),
    (re.compile(r"Body has already been used"), "clone() before the body is read the first time"),
    (re.compile(r"within global scope"), "move the call into a handler, or into a function that a handler calls"),
    (re.compile(r"unexpected type for headers"), "headers=dict(…) or a list of pairs"),
    (
        re.compile(r"cannot be invoked without 'new'|requires 'new'|use the 'new' operator"),
        "Class.new(…), as Pyodide writes JavaScript's `new Class(…)`",
    ),
    (
        re.compile(r"Can't modify immutable headers"),
        "change the headers of a copy: js.Response.new(response.body, response), or js.Request.new(request)",
    ),
    (
        re.compile(r"isinstance\(\) arg 2 must be a type"),
        'a constructor of js is no class of Python\'s: compare value.constructor.name == "Response"',
    ),
    (
        re.compile(r"catching classes that do not inherit from BaseException"),
        "an error of js is no class of Python's: `except JsException as error` (of pyodide.ffi), and look at "
        "error.name",
    ),
    (re.compile(r"'_EnvWrapper' object is not subscriptable"), "env has attributes, not items: env.NAME"),
    (re.compile(r"JsPromise"), _AWAIT),
    (re.compile(r"coroutine"), _AWAIT),
    (
        re.compile(r"is not JSON serializable"),
        "convert such values first: in SQL with column::text, in Python with str(value)",
    ),
)


def missing_module(error: BaseException) -> str | None:
    if isinstance(error, ModuleNotFoundError):
        return error.name
    return "psycopg_binary" if _lacks_libpq(error) else None


def _lacks_libpq(error: BaseException) -> bool:
    return isinstance(error, ImportError) and "no pq wrapper available" in str(error)


def hint_for(error: BaseException, sources: Path) -> str | None:
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        known = _DRIVERS.get(package)
        if known is not None:
            return known
        if package != error.name and is_there(package):
            return _submodule_hint(error.name)
        meant = _similar_package(package)
        if meant is not None:
            return f"Did you mean {meant}?"
        return f"pip install {package}; to deploy, it must be in the dependencies of pyproject.toml, too"
    if _lacks_libpq(error):
        return _DRIVERS["psycopg"]
    if type(error).__name__ == "BdbQuit" and not sys.stdin.isatty():
        return "wrangler-py dev --no-reload, which leaves the terminal to breakpoint()"
    if isinstance(error, ImportError) and (missing := _MISSING_NAME.match(str(error))):
        module = missing[2].removeprefix(f"{PLATFORM}.modules.")
        if module in NAMES and (sources / f"{module}.py").is_file():
            return f"another name for your {module}.py: `{module}` is the platform's module"
        close = difflib.get_close_matches(missing[1], dir(sys.modules.get(missing[2])), n=1)
        return f"from {module} import {close[0]}" if close else None
    if type(error).__name__ == "SynchronousOnlyOperation":
        return (
            'os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true" before Django is set up, here and in production: '
            "the platform runs a WSGI application on its event loop"
        )
    if isinstance(error, TypeError | ValueError | AttributeError | JsException | ConversionError):
        return _message_hint(error)
    return None


def _message_hint(error: Exception) -> str | None:
    text = str(error)
    function = getattr(error, "function", None)
    if function is not None and "borrowed proxy" in text:
        name = getattr(function, "__name__", "…").replace("<lambda>", "lambda …")
        return f"create_proxy({name}), since it is called after the function that took it has returned"
    if body := _UNSUPPORTED_BODY.search(text):
        return _BODIES.get(body[1], "Response(str(…))")
    if isinstance(error, AttributeError) and isinstance(error.obj, JsPromise):
        return _AWAIT
    for pattern, hint in _MESSAGES:
        if pattern.search(text):
            return hint
    if "object is not callable" in text and "Headers(" in _last_line(error):
        return "js.Headers.new(…) or a dict: workers.Headers is a type, not a class"
    if "'NoneType' object has no attribute" in text and ".client." in _last_line(error):
        return 'request.headers["cf-connecting-ip"]: the platform tells ASGI applications no client address'
    if isinstance(error, AttributeError) and error.name:
        return _attribute_hint(error.obj, error.name)
    return None


def _last_line(error: Exception) -> str:
    """The line of code that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    return (frames[-1].line or "") if frames else ""


def _attribute_hint(owner: object, name: str) -> str | None:
    """The hint for an attribute that does not exist."""
    cls = owner if isinstance(owner, type) else type(owner)
    if issubclass(cls, dict) and not isinstance(owner, type) and name in owner:  # type: ignore[operator]
        return f"write [{name!r}]: a dict has keys, not attributes"
    is_javascript = issubclass(cls, JsProxy)
    if not (is_javascript or cls.__module__.startswith("workers.") or owner is namespace):
        return None
    known = PLACES if owner is namespace else [name for name in dir(owner) if not name.startswith("_")]
    close = difflib.get_close_matches(name, known, n=1)
    if cls.__name__.endswith("Hyperdrive") and not close:
        return "env.BINDING.connectionString, which is what a driver connects with"
    if name in _ATTRIBUTES and cls.__name__ in ("Request", "Response", "FetchResponse"):
        return _ATTRIBUTES[name]
    if close:
        return f"Did you mean {close[0]}?"
    if is_javascript or owner is namespace:
        of = "js" if owner is namespace else f"js.{cls.js_name if isinstance(cls, JsProxyMeta) else cls.__name__}"
        return f"a Python library in place of {of}.{name}, or run this route with `pywrangler dev`"
    return None


def _similar_package(name: str) -> str | None:
    """A package that is there, with a name so close that the other one is a slip: don't have that installed."""
    import pkgutil  # rarely needed

    there = {"workers", *sys.stdlib_module_names, *(module.name for module in pkgutil.iter_modules()), *_DRIVERS}
    return next(iter(difflib.get_close_matches(name, there, n=1, cutoff=0.85)), None)


def _submodule_hint(name: str) -> str | None:
    """The hint for a module that is missing in a package that is installed."""
    import pkgutil  # rarely needed
    from importlib import metadata

    parent, _, module = name.rpartition(".")
    folders = getattr(sys.modules.get(parent), "__path__", ())
    close = difflib.get_close_matches(module, (each.name for each in pkgutil.iter_modules(folders)), n=1)
    if close:
        return f"Did you mean {parent}.{close[0]}?"
    for distribution in metadata.packages_distributions().get(name.partition(".")[0], ()):
        version = f"{distribution} {metadata.version(distribution)}"
        return f"{version} is installed and has no such module: it may be in another version"
    return None
