"""A config document: its data, and edits of its text that are verified before they take effect."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from wrangler_py.project.spans import Edit, KeyPath, apply


class DocumentSyntaxError(ValueError):
    """The text has a syntax error at `line` and `column`, both counted from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class UnsafeEditError(ValueError):
    """The edit would not have resulted in exactly the intended data; the document is unchanged."""


class Document(ABC):
    """Text and the `data` it stands for; edits splice the text, so all they don't name stays byte for byte.

    A key path leads from the top through keys and array indexes. After each edit the new text is parsed and
    compared with the old data plus the edit. Raises DocumentSyntaxError when made from broken text.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.data: dict[str, Any] = self._parse(text)

    def set(self, path: KeyPath, value: Any, *, after: str | None = None) -> None:
        """Set the value at `path`; a new key goes behind its sibling `after` if there is one, else last."""
        expected = copy.deepcopy(self.data)
        _walk(expected, path[:-1])[path[-1]] = value
        self._commit(self._set(path, value, after), expected)

    def append(self, path: KeyPath, value: Any) -> None:
        """Append `value` to the array at `path`, which is created if there is none."""
        expected = copy.deepcopy(self.data)
        _walk(expected, path[:-1]).setdefault(path[-1], []).append(value)
        self._commit(self._append(path, value), expected)

    def remove(self, path: KeyPath) -> None:
        """Remove the key or array element at `path`."""
        expected = copy.deepcopy(self.data)
        parent = _walk(expected, path[:-1])
        del parent[path[-1]]
        if isinstance(path[-1], int) and not parent and not self._keeps_empty_array(path[:-1]):
            del _walk(expected, path[:-2])[path[-2]]
        self._commit(self._remove(path), expected)

    @abstractmethod
    def lines(self, path: KeyPath, value: Any) -> str:
        """A document with only `value` at `path`, which consists of keys."""

    @abstractmethod
    def _parse(self, text: str) -> dict[str, Any]: ...

    @abstractmethod
    def _set(self, path: KeyPath, value: Any, after: str | None) -> Sequence[Edit]: ...

    @abstractmethod
    def _append(self, path: KeyPath, value: Any) -> Sequence[Edit]: ...

    @abstractmethod
    def _remove(self, path: KeyPath) -> Sequence[Edit]: ...

    def _keeps_empty_array(self, path: KeyPath) -> bool:
        """Whether the array at `path` is still there, empty, once its last element is removed."""
        return True

    def _commit(self, edits: Sequence[Edit], expected: dict[str, Any]) -> None:
        text = apply(self.text, edits)
        try:
            data = self._parse(text)
        except DocumentSyntaxError as error:
            self._parse(self.text)
            raise UnsafeEditError(error.message) from error
        if not same(data, expected):
            self._parse(self.text)
            raise UnsafeEditError("the result would have differed in more than the edit")
        self.text, self.data = text, data


def same(left: Any, right: Any) -> bool:
    """Whether two parsed values are equal: order of keys apart; NaN is NaN; `1`, `1.0` and `true` differ."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right) or (left != left and right != right)


def _walk(data: Any, path: KeyPath) -> Any:
    for key in path:
        data = data[key] if isinstance(key, int) else data.setdefault(key, {})
    return data
