"""The names that workerd's global scope and its classes have, kept in `names.json`.

Usage: python -m support.web_platform.names NODE_MODULES (with `tests` on PYTHONPATH)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from support.web_platform.record import serve_on_workerd

NAMES = Path(__file__).with_name("names.json")
_IGNORED = ("arguments", "caller", "constructor", "length", "name", "prototype")
_WORKER = """
const ignored = new Set(IGNORED)
const members = (object) => Object.getOwnPropertyNames(object).filter((name) => !ignored.has(name)).sort()
export default {
  fetch() {
    const globals = {}
    for (let scope = globalThis; scope !== Object.prototype; scope = Object.getPrototypeOf(scope)) {
      for (const name of members(scope)) {
        const value = globalThis[name]
        if (value === globalThis || globals[name]) continue
        if (typeof value === "function") {
          globals[name] = { own: members(value), of_instances: value.prototype ? members(value.prototype) : [] }
        } else if (value !== null && typeof value === "object") {
          const parent = Object.getPrototypeOf(value)
          const inherited = parent === Object.prototype ? [] : members(parent)
          globals[name] = { own: [...members(value), ...inherited].sort() }
        } else {
          globals[name] = { own: [] }
        }
      }
    }
    return Response.json(globals)
  },
}
"""


Names = dict[str, dict[str, list[str]]]


def names_on_workerd(node_modules: Path, variables: dict[str, str] | None = None) -> Names:
    """Of each global: the names it has, and for a class, those of its instances."""
    source = _WORKER.replace("IGNORED", json.dumps(_IGNORED))
    with serve_on_workerd(node_modules, source, variables) as client:
        names: dict[str, Any] = client.get("/").json()
        return dict(sorted(names.items()))


def recorded_names() -> Names:
    names: Names = json.loads(NAMES.read_text())
    return names


if __name__ == "__main__":
    NAMES.write_text(json.dumps(names_on_workerd(Path(sys.argv[1]).resolve()), indent=1) + "\n")
