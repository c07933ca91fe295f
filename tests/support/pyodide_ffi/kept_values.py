"""Operations on what JavaScript keeps: arguments of calls, keys of Maps, values of Sets."""

from __future__ import annotations

_PUSHED = "a = js.Array.new()\na.push([1])\n"
_MAP = "m = js.Map.new(to_js([['a', 1], ['b', 2]]))\n"

KEPT_ARGUMENTS = [
    *(
        _PUSHED + use
        for use in (
            "list(a)",
            "a.pop()",
            "a.shift()",
            "str(a)",
            "a.to_py()",
            "a.map(lambda *x: 1)",
            "a.join()",
            "js.JSON.stringify(a)",
            "a.length, len(a)",
            "a.at(0)",
        )
    ),
    "a = js.Array.new()\na.append([1])\na[0]",
    "a = to_js([1])\na.unshift([1])\na.shift()",
    "a = to_js([1])\na.splice(0, 0, [1])\na.at(0), 1",
    "a = to_js([1])\na.fill([1])\na.pop()",
    "js.Array.new([2], [3]).length",
    "js.Array.new(1, [2]).pop()",
    "js.Array.of(1, [2]).pop()",
    "js.Array.from_([[1], 2]).at(0)",
    "js.Array.from_([[1], 2]).at(1)",
    "to_js([1]).concat([2, 3]).length",
    "to_js([1]).concat([2, 3])[1]",
    "m = js.Map.new()\nm.set('a', [1])\nm['a']",
    "m = js.Map.new()\nm['a'] = [1]\nm['a']",
    "m = js.Map.new()\nm.set('a', Thing(1))\nm.to_py()",
    "m = js.Map.new([['a', [1]]])\nm['a']",
    "m = js.Map.new()\nm.set((1, 2), 3)\nm.has((1, 2)), m.size",
    "m = js.Map.new()\nm.set((1, 2), 3)\nlist(m)",
    "m = js.Map.new()\nm.update({'a': [1]})\nm['a']",
    "m = js.Map.new()\nm.setdefault('a', [1])\nm['a']",
    "s = js.Set.new()\ns.add([1])\ns.size",
    "s = js.Set.new()\ns.add([1])\nlist(s)",
    "js.CustomEvent.new('x', detail=[1]).detail",
    *(
        f"def start(c):\n    c.enqueue({chunk})\n"
        "s = js.ReadableStream.new(start=create_proxy(start))\nr = await s.getReader().read()\nr.value"
        for chunk in ("[1]", "b'x'", "'x'", "to_js([1])")
    ),
    *(
        "f = asyncio.get_event_loop().create_future()\n"
        f"js.setTimeout(create_proxy(lambda *a: f.set_result(len(a))), 1, {value})\nawait asyncio.wait_for(f, 0.3)"
        for value in ("[1]", "'x'", "to_js([1])", "create_proxy([1])")
    ),
    "o = js.Object.new()\no.x = [1]\no.x",
    "js.Object.fromEntries([['a', [1]]]).a",
]
KEYS = [
    "s = js.Set.new()\nfor x in (1, True, 1.0, float('nan'), float('nan'), -0.0, 0): s.add(x)\ns.size, list(s)",
    "s = js.Set.new(to_js([1, True]))\ns.has(True), s.has(1), s.has(False), True in s, s.delete(1), s.has(True)",
    "m = js.Map.new()\nm.set(1, 'i')\nm.set(True, 'b')\nm.set(float('nan'), 'n')\nm.set(-0.0, 'z')\n"
    "m.get(1), m.get(True), m.get(float('nan')), m.get(0), list(m.keys()), m.size",
    "m = js.Map.new()\nm.set(0, 'i')\nm.set(False, 'b')\nm.to_py()",
    "s = js.Set.new(to_js([0, False]))\ns.to_py()",
    "o, m = js.Object.new(), js.Map.new()\nm.set(o, 1)\nm.get(o), m.has(o), m.has(js.Object.new()), o in m",
    "o, m = js.Object.new(), js.Map.new()\nm.set(o, 1)\nm.to_py()",
    _MAP + "list(m.keys()), list(m.values()), list(m.items())",
    _MAP + "'a' in m.keys(), 2 in m.values(), ('a', 1) in m.items(), 'c' in m.keys()",
    _MAP + "m.pop('a'), m.pop('x', 5), m.setdefault('c', 6), m.get('zz', 7), len(m)",
    _MAP + "m.pop('x')",
    _MAP + "m.update({'c': 3}, d=4)\nm.popitem(), len(m)",
    _MAP + "m.delete('a'), m.delete('a'), m.size",
    _MAP + "del m['a']\nm.size",
    _MAP + "[js.Array.from_(pair).length for pair in m.entries()]",
    "m = js.Map.new()\nm.update([('a', 1)])\nlist(m.items())",
    *(
        f"isinstance(hash({value}), int)"
        for value in (
            "js.Array.new()",
            "js.Map.new()",
            "js.Uint8Array.new(1)",
            "js.Date.new(1)",
            "js.Error.new('x')",
            "js.Headers.new()",
            "js.Promise.resolve(1)",
            "create_proxy([])",
            "jsnull",
        )
    ),
    "js.Date.new(1) < js.Date.new(2), js.Date.new(2) >= js.Date.new(2), js.Date.new(1) > js.Date.new(2)",
    "js.Date.new(1) < 2",
    "js.Object.new() < js.Array.new()",
]
