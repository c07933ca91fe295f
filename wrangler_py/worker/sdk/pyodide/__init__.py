"""`pyodide`: what Workers import of it, so that their code runs on CPython as well."""

from __future__ import annotations

__version__ = "0.28.2"
