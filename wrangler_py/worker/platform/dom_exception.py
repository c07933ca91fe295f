"""`DOMException`."""

from __future__ import annotations

import re
from typing import Any, Final

from wrangler_py.worker.platform.values import JsException, js_string


class DOMException(JsException):
    """An Error of the web platform, told apart by its name."""

    js_name = "DOMException"
    is_callable = False

    def __init__(self, message: Any = None, name: Any = None) -> None:
        super().__init__(message)
        self.name = "Error" if name is None else js_string(name)

    @property
    def code(self) -> int:
        return _CODES.get(self.name, 0)


_ERRORS: Final = (
    "IndexSize", "DomstringSize", "HierarchyRequest", "WrongDocument", "InvalidCharacter", "NoDataAllowed",
    "NoModificationAllowed", "NotFound", "NotSupported", "InuseAttribute", "InvalidState", "Syntax",
    "InvalidModification", "Namespace", "InvalidAccess", "Validation", "TypeMismatch", "Security", "Network",
    "Abort", "UrlMismatch", "QuotaExceeded", "Timeout", "InvalidNodeType", "DataClone",
)  # fmt: skip
"""What the constants of the codes are called after, from 1."""
_CODES: Final = {f"{error.replace('Url', 'URL')}Error": code for code, error in enumerate(_ERRORS, 1)}
for _code, _error in enumerate(_ERRORS, 1):
    setattr(DOMException, re.sub("(?<!^)(?=[A-Z])", "_", _error).upper() + "_ERR", _code)

DOMException.__module__ = "pyodide.ffi"
DOMException.__name__ = DOMException.__qualname__ = "JsException"  # Python sees one class of errors
