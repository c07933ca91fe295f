"""Converting what was typed. Typer imports pydantic for it, which takes longer than most commands."""

from __future__ import annotations

from typing import Any


def convert_simply(parameter: Any) -> None:
    """Have `parameter` take text and numbers without Typer's conversion.

    All else is left to that, above all what is wrong and needs a message.
    """
    # A Typer without descriptors has its types from Click, and no pydantic.
    descriptor = getattr(parameter, "type_descriptor", None)
    if descriptor is None or parameter.callback is not None:
        return
    kind = descriptor.annotation
    convert = parameter.process_value

    def process_value(context: Any, value: Any) -> Any:
        if value is None and not parameter.required:
            return None
        if isinstance(kind, type) and isinstance(value, kind):
            return value
        if kind is int and isinstance(value, str) and value.isdecimal() and _is_in_range(int(value), parameter):
            return int(value)
        return convert(context, value)

    parameter.process_value = process_value


def _is_in_range(number: int, parameter: Any) -> bool:
    least, most = parameter.min, parameter.max
    return (least is None or least <= number) and (most is None or number <= most)
