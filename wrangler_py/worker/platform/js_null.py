"""JavaScript's null and undefined."""

from __future__ import annotations

from typing import Final

undefined: Final = None
"""JavaScript's undefined. Named where `None` would be read as null."""


class JsNull:
    """The type of `jsnull`, which stands for JavaScript's null."""

    _instance: JsNull | None = None

    def __new__(cls) -> JsNull:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "jsnull"

    def __reduce__(self) -> tuple[type[JsNull], tuple[()]]:
        return JsNull, ()

    @property
    def typeof(self) -> str:
        return "object"


jsnull: Final = JsNull()
