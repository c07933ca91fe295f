"""Operations on exceptions of Python in promises of JavaScript."""

from __future__ import annotations

PROMISED_EXCEPTIONS = [
    "async def f(): raise KeyError('k')\nawait js.Promise.all([f()])",
    "async def f(): raise KeyError('k')\nawait js.Promise.all(to_js([f()]))",
    "async def f(*a): raise KeyError('k')\nawait js.Promise.resolve(1).then(f)",
    "def f(*a): raise KeyError('k')\nawait js.Promise.resolve(1).then(f)",
    "def f(*a): raise KeyError('k')\nawait js.Promise.new(create_proxy(f))",
    "async def f(): raise KeyError('k')\nawait js.Promise.race([f()])",
    "async def f(): raise KeyError('k')\ntry:\n    await js.Promise.resolve(f())\nexcept JsException as e:\n    r = e.name, e.type, e.message.strip().splitlines()[-1], e.message.splitlines()[0]\nr",
    "async def f(): raise js.Error.new('x')\nawait js.Promise.resolve(f())",
    "async def f(): raise KeyError('k')\nawait js.Promise.resolve(f()).catch(lambda e: e.name)",
    "async def f(): raise KeyError('k')\nt = asyncio.ensure_future(f())\nawait js.Promise.resolve(t)",
    "def f(): raise KeyError('k')\ng = to_js(f)\ng()",
    "a = to_js([1])\nasync def f(*x): raise KeyError('k')\nawait js.Promise.all(a.map(f))",
    "async def f(): raise KeyError('k')\nawait js.Promise.allSettled(to_js([f()]))\n1",
    "async def f(): raise KeyError('k')\ntry:\n    await js.Promise.resolve(f())\nexcept KeyError:\n    r = 'caught'\nr",
    "async def f(): raise KeyError('k')\nawait js.Promise.resolve(f()).finally_(lambda: 1)",
    "async def f(): raise KeyError('k')\nawait js.Promise.resolve(f()).then(lambda x: x)",
    "async def f(): raise KeyError('k')\nawait js.Promise.new(create_proxy(lambda resolve, reject: resolve(f())))",
    "async def f(): return 5\nawait js.Promise.new(create_proxy(lambda resolve, reject: resolve(f())))",
    "await js.Promise.new(create_proxy(lambda resolve, reject: resolve(to_js([1]))))",
    "await js.Promise.new(create_proxy(lambda resolve, reject: resolve(js.Promise.new(create_proxy(lambda a, b: a(5))))))",
    "await js.Promise.resolve(Thing(1))",
    "p = await js.Promise.new(create_proxy(lambda resolve, reject: resolve(create_proxy([1]))))\nisinstance(p, JsDoubleProxy)",
    "p = await js.Promise.resolve(create_proxy([1]))\nisinstance(p, JsDoubleProxy)",
]
