"""The reviver of `JSON.parse`, which gets each key, its value, and where the value is a simple one, its source."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from wrangler_py.worker.platform.arrays import JsArray
from wrangler_py.worker.platform.callbacks import call
from wrangler_py.worker.platform.values import JsObject, js_object, own_properties

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:]+')


def revived(text: str, value: Any, reviver: Any) -> Any:
    """The value that a reviver makes of what was parsed of a text."""
    tokens = _TOKEN.findall(text)
    tokens.reverse()
    return _revive("", value, _sources(tokens), reviver)


def _sources(tokens: list[str]) -> Any:
    """The sources of a value's parts: a list, a dict by name, or the text of a simple value."""
    first = tokens.pop()
    if first not in "[{":
        return first
    items: list[Any] = []
    parts: dict[str, Any] = {}
    while tokens[-1] not in "]}":
        if first == "[":
            items.append(_sources(tokens))
        else:
            name = json.loads(tokens.pop())
            tokens.pop()  # the colon
            parts[name] = _sources(tokens)
        if tokens[-1] == ",":
            tokens.pop()
    tokens.pop()
    return items if first == "[" else parts


def _revive(key: str, value: Any, source: Any, reviver: Any) -> Any:
    if isinstance(value, JsArray):
        sources = dict(enumerate(source)) if isinstance(source, list) else {}
        for index, item in enumerate(list(value)):
            value[index] = _revive(str(index), item, sources.get(index), reviver)
    elif isinstance(value, JsObject):
        parts = source if isinstance(source, dict) else {}
        for name, item in list(own_properties(value).items()):
            made = _revive(name, item, parts.get(name), reviver)
            if made is None:
                value.__delattr__(name)
            else:
                value.__setattr__(name, made)
    context = {"source": source} if isinstance(source, str) else {}
    return call(reviver, key, value, js_object(context))
