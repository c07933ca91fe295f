"""Operations whose results are known to differ from Pyodide's, with the reason."""

from __future__ import annotations

_PROXIES = "a Python object in a JavaScript one stays a proxy, which Pyodide unwraps when Python reads it"
_KINDS = "a proxy shows fewer of its object's kinds, or others"
_MEMBERS = "a proxy has its Python object's members, and not those that JavaScript gives it"
_PROTOTYPES = "objects and functions have no prototype here"
_MISSING = "the global is not emulated, and says so"
_LACKS = "the method or class is not emulated: it is missing"
_FUNCTIONS = "functions and namespaces of the platform are Python's, and so is what they have"
_CLASSES = "a JavaScript object has a Python class of its own here"
_ITERATORS = "iterators and views have other classes here"
_ARGUMENTS = (
    "reading a destroyed proxy says so here; by index, Pyodide raises SystemError, and `Map.get` gives None"
)
_REJECTED = "Pyodide waits forever for a promise that is rejected with something that is no Error"
_MESSAGES = "the same error has another message"
NODE = "Node.js or its V8 differs from workerd, which is what this platform follows"
_PROMISES = "what JavaScript returns is a promise here; Pyodide makes a future of it, which has `then` as well"
_WRAPPERS = "there are no objects of primitive values here"
_MAPS = "`as_object_map` returns a dict here"

MEANT: dict[str, str] = {
    "to_js([Thing(1)])": _PROXIES,
    "to_js({'t': Thing(1)})": _PROXIES,
    "to_js([[1]], depth=1)": _PROXIES,
    "to_js({'a': [1]}, depth=1)": _PROXIES,
    "to_js({'a': {'b': 1}}, depth=1)": _PROXIES,
    "to_js({1: {2: 3}}, depth=1)": _PROXIES,
    "to_js([{1}], depth=1)": _PROXIES,
    "to_js([[[1]]], depth=2)": _PROXIES,
    "to_js([Thing(1)]).to_py()": _PROXIES,
    "to_js(Thing(1)).to_py() if hasattr(to_js(Thing(1)), 'to_py') else 'no'": _PROXIES,
    "to_js(frozenset({'a'}))": _KINDS,
    "to_js(range(3))": _KINDS,
    "to_js(iter([1, 2]))": _KINDS,
    "to_js((n for n in [1]))": _KINDS,
    "to_js([[1]], depth=0)": _KINDS,
    "p = create_proxy('text')\np": _KINDS,
    "o = js.Object.new()\no.x = create_proxy([1])\no.x": _KINDS,
    "p = create_proxy([1, 2])\np.length": _MEMBERS,
    "p = create_proxy({'a': 1})\np.get('a')": _MEMBERS,
    "p = create_proxy(lambda *args: args)\np.call(None, 1, 2)": _MEMBERS,
    "p = create_proxy(lambda *args: len(args))\np.apply(None, to_js([1, 2]))": _MEMBERS,
    "js.Object.prototype.toString.call(to_js(b'a'))": _PROTOTYPES,
    "js.Object.getPrototypeOf(js.Object.prototype)": _PROTOTYPES,
    "js.Date.prototype.foo if hasattr(js.Date.prototype, 'foo') else 'none'": _PROTOTYPES,
    "js.Object.new().toString.call(to_js([1]))": _PROTOTYPES,
    "e = js.Error.new('text')\njs.Object.prototype.toString.call(e)": _PROTOTYPES,
    "js.Symbol": _FUNCTIONS,
    "js.RegExp.new('a', 'g')": _MISSING,
    "bool(js.RegExp.new('a', 'g'))": _MISSING,
    "isinstance(js.Symbol, JsProxy)": _FUNCTIONS,
    "isinstance(js.RegExp.new('a', 'g'), JsProxy)": _MISSING,
    "js.Object.defineProperty(1, 'a', js.Object.new())": _LACKS,
    "list(js.String.new('ab'))": _LACKS,
    "js.Object": _FUNCTIONS,
    "js.parseInt": _FUNCTIONS,
    "js.Math": _FUNCTIONS,
    "js.Reflect": _FUNCTIONS,
    "js.JSON": _FUNCTIONS,
    "js.globalThis": _FUNCTIONS,
    "isinstance(js.Object, JsProxy)": _FUNCTIONS,
    "isinstance(js.parseInt, JsProxy)": _FUNCTIONS,
    "isinstance(js.globalThis, JsProxy)": _FUNCTIONS,
    "(js.parseInt).typeof": _FUNCTIONS,
    "callable(js.Math)": _FUNCTIONS,
    "f = js.parseInt\nf.name, f.length": _FUNCTIONS,
    "js.parseInt.call(None, '5')": _FUNCTIONS,
    "js.parseInt.apply(None, to_js(['5']))": _FUNCTIONS,
    "js.parseInt.bind(None, '7')()": _FUNCTIONS,
    "js.Map.new": _FUNCTIONS,
    "b = js.Uint8Array.new(to_js([1, 2, 3, 4]))\nb.constructor.name, type(b).__name__": _CLASSES,
    "a = to_js([3, 1, 2])\na.entries()": _ITERATORS,
    "m = js.Map.new(to_js([['a', 1], ['b', 2]]))\nm.entries()": _ITERATORS,
    "s = js.Set.new(to_js([1, 2]))\ns.values()": _ITERATORS,
    "i = to_js([1, 2]).values()\ni": _ITERATORS,
    "iter(js.Set.new())": _ITERATORS,
    "iter(5 and to_js([1]))": _ITERATORS,
    "m = js.Map.new()\nx = Thing(1)\nm.set('x', x)\nm.get('x') is x": _ARGUMENTS,
    "js.Array.of(1, [2], {'a': 1})": _ARGUMENTS,
    "a = js.Array.new()\na.push([1])\na[0]": _ARGUMENTS,
    "a = js.Array.new()\nx = [1]\na.push(x)\na[0] is x": _ARGUMENTS,
    "a = to_js([1])\na.push(js.Promise.resolve(1))\ntype(a[1]).__name__": _PROMISES,
    "await js.Promise.reject('text')": _REJECTED,
    "await js.Promise.reject(5)": _REJECTED,
    "await js.Promise.reject(None)": _REJECTED,
    "await js.Promise.reject(json('{\"a\": 1}'))": _REJECTED,
    "await js.Promise.allSettled(to_js([js.Promise.resolve(1), js.Promise.reject('n')]))": _REJECTED,
    "await js.Promise.any(to_js([js.Promise.reject(1)]))": _REJECTED,
    "await js.Promise.reject('e').catch(lambda e: e)": _REJECTED,
    "p = create_once_callable(lambda: 5)\np()\np()": _MESSAGES,
    "js.structuredClone(lambda: 1)": _MESSAGES,
    "js.console": NODE,
    "js.TextDecoder.new().decode('ü'.encode())": NODE,
    "js.URL.new('nothing')": NODE,
    "js.URL.new()": NODE,
    "js.Request.new('http://e.com/', headers={'a': 'b'}).headers.get('a')": NODE,
    "json('{')": NODE,
    "e = None\ntry:\n    json('{')\nexcept JsException as error:\n    e = error\ne.name, e.message, str(e)": NODE,
    "js.AbortSignal.abort().reason": NODE,
    "js.AbortSignal.abort().throwIfAborted()": NODE,
    "r = js.Promise.withResolvers()\nr.resolve(3)\nawait r.promise": NODE,
    "js.Promise.resolve(1)": _PROMISES,
    "p = js.Promise.resolve(1)\nisinstance(p, asyncio.Future)": _PROMISES,
    "p = js.Promise.resolve(1)\nisinstance(p, JsPromise)": _PROMISES,
    "p = js.Promise.resolve(1)\nisinstance(p, JsProxy)": _PROMISES,
    "p = js.Promise.resolve(1)\nawait p\np.done(), p.result()": _PROMISES,
    "p = js.Promise.resolve(1)\np.constructor": _PROMISES,
    "p = js.Promise.resolve(1).then(lambda x: x)\ntype(p).__name__": _PROMISES,
    "p = js.Promise.new(lambda *args: args[0](1))\ntype(p).__name__": _PROMISES,
    "o = js.Object.new()\no.p = js.Promise.resolve(1)\ntype(o.p).__name__": _PROMISES,
    "js.Object.new(1)": _WRAPPERS,
    'o = json(\'{"a": 1, "b": {"c": 2}}\')\no.as_object_map()': _MAPS,
    "o = json('{\"a\": 1, \"b\": {\"c\": 2}}')\no.as_object_map(hereditary=True)['b']['c']": _MAPS,
    "to_js({'a': 1}, dict_converter=lambda pairs: [list(pair) for pair in pairs])": "what a `dict_converter` returns is not converted here",
    'o = json(\'{"a": 1, "b": {"c": 2}}\')\niter(o)': "an object's iterator fails at its first step here, and not when it is made",
    "x = [1]\ny = to_js([x, x])\ny[0].js_id == y[1].js_id": "`js_id` is the identity here: Pyodide gives each proxy another one",
    "x = {}\nx['x'] = x\ny = to_js(x, dict_converter=js.Object.fromEntries)\ny.constructor.name": "a dict that holds itself cannot be converted with `dict_converter`",
    "js.Array.new(1)[0]": "an array has no holes here: they are undefined",
    "js.Array.from_([1]).forEach(5)": NODE,
    "js.Set.new(to_js([1])).union(js.Set.new(to_js([2]))).to_py()": NODE,
    "js.Set.new(to_js([1, 2])).intersection(js.Set.new(to_js([2]))).to_py()": NODE,
    "js.Map.groupBy(to_js([1, 2, 3]), lambda v, *a: v % 2).get(1).to_py()": NODE,
}
