"""The parts of uvicorn that the worker host uses, imported without uvicorn's command line.

`import uvicorn` imports the command line too, and with it Click, multiprocessing and watchfiles. That takes more
time than all the rest of the server.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

_COMMAND_LINE = "uvicorn.main"
_NAMES = ("Server", "main", "run")
"""What uvicorn's `__init__` takes from its command line."""


def _import_package() -> None:
    """Import the package `uvicorn`; its command line is imported when somebody asks for a name of it."""
    stand_in: Any = ModuleType(_COMMAND_LINE)
    for name in _NAMES:
        setattr(stand_in, name, None)
    sys.modules[_COMMAND_LINE] = stand_in
    try:
        package: Any = importlib.import_module("uvicorn")
    except ImportError:
        return  # another version, which takes more from there: imported as a whole below
    finally:
        del sys.modules[_COMMAND_LINE]
    for name in _NAMES:
        delattr(package, name)

    def load(name: str) -> Any:
        if name not in _NAMES:
            raise AttributeError(f"module 'uvicorn' has no attribute {name!r}")
        command_line = importlib.import_module(_COMMAND_LINE)
        for each in _NAMES:
            setattr(package, each, getattr(command_line, each))
        return getattr(package, name)

    package.__getattr__ = load


if "uvicorn" not in sys.modules:
    _import_package()

from uvicorn.config import Config  # noqa: E402
from uvicorn.protocols.http import httptools_impl  # noqa: E402
from uvicorn.server import Server  # noqa: E402

__all__ = ["Config", "Server", "httptools_impl"]
