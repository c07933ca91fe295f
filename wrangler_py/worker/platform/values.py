"""JavaScript values as Python sees them through Pyodide.

The rules that every class of this package keeps:

- undefined is `None`, null is `jsnull`; booleans, numbers and strings are Python's. Every other JavaScript value
  is a `JsProxy`. Anything else that reaches a platform function is a Python object that Pyodide would wrap in a
  PyProxy: it has no own properties for JavaScript, but for a `dict` from Pyodide 0.28 on.
- A JavaScript class is a Python class that derives from `JsProxy`. `Class.new(*args, **options)` is JavaScript's
  `new Class(...args, options)`: it drops arguments that `__init__` does not take, and gathers keywords into one
  object that comes last. Calling the class raises a TypeError, as in JavaScript. Platform code makes instances
  with `new`, or with `object.__new__` behind a function of its own.
- `value.constructor` is the class, `value.constructor.name` its name (`js_name` if it differs from Python's).
- A method is a Python method; it ignores surplus arguments. One that takes an options object is decorated with
  `js_function`, which gathers keywords into an object as `new` does. A name that is a Python keyword has an
  underscore behind it (`from_`, `finally_`).
- Attributes that are missing raise AttributeError (so `hasattr` works). Objects that JavaScript lets programs
  extend take new attributes.
- Errors are exceptions of the JavaScript classes below (`JsTypeError`…), all of them `JsException`. Exceptions of
  Python callbacks pass through JavaScript unchanged.
- A promise is a `JsPromise`: the work is under way, whether or not somebody awaits it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any, ClassVar, Final, SupportsIndex, TypeVar

from wrangler_py.worker.platform.js_null import JsNull as JsNull
from wrangler_py.worker.platform.js_null import jsnull as jsnull
from wrangler_py.worker.platform.js_null import undefined as undefined
from wrangler_py.worker.platform.not_emulated import Lacking
from wrangler_py.worker.platform.number_text import js_number
from wrangler_py.worker.platform.property_names import in_order, property_name
from wrangler_py.worker.platform.settings import settings
from wrangler_py.worker.platform.surplus_arguments import OF_PYTHON, without_surplus

_T = TypeVar("_T")

_LANGUAGE: Final = frozenset({
    "Map", "Set", "WeakMap", "WeakSet", "ArrayBuffer", "DataView", "Uint8Array", "Uint8ClampedArray", "Int8Array",
    "Uint16Array", "Int16Array", "Uint32Array", "Int32Array", "Float32Array", "Float64Array", "BigInt64Array",
    "BigUint64Array",
})  # fmt: skip
"""Constructors of the language that need `new`."""


class JsProxyMeta(type):
    """Makes a Python class behave as a JavaScript constructor."""

    _max_args: int
    js_name: str
    """The JavaScript name of the class, if it is not the Python one."""
    illegal_constructor: bool
    """Whether programs cannot make instances."""
    is_callable: bool
    """Whether a call makes an instance, as `new` does."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> JsProxyMeta:
        for attribute, value in namespace.items():
            if attribute.startswith("_"):
                continue
            if isinstance(value, property) and value.fset is None:
                namespace[attribute] = value.setter(_refuse_to_assign(attribute))
            elif isinstance(value, FunctionType) and attribute not in OF_PYTHON:
                namespace[attribute] = without_surplus(value)
        return super().__new__(mcs, name, bases, namespace, **options)

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **_options: Any) -> None:
        super().__init__(name, bases, namespace)
        cls.js_name = namespace.get("js_name", name)
        cls.illegal_constructor = namespace.get("illegal_constructor", False)
        initialize = cls.__init__  # type: ignore[misc]
        code = getattr(getattr(initialize, "__wrapped__", initialize), "__code__", None)
        if code is None or code.co_flags & 0x04:  # takes *args
            cls._max_args = -1
        else:
            cls._max_args = code.co_argcount - 1

    def __call__(cls, *args: Any, **options: Any) -> Any:
        if cls.is_callable:
            return cls.new(*args, **options)
        name = cls.js_name
        if name == "Promise":
            raise JsTypeError.new("Promise constructor cannot be invoked without 'new'")
        if name in _LANGUAGE:
            raise JsTypeError.new(f"Constructor {name} requires 'new'")
        raise JsTypeError.new(
            f"Failed to construct '{name}': Please use the 'new' operator, "
            "this object constructor cannot be called as a function."
        )

    def new(cls: type[_T], *args: Any, **options: Any) -> _T:
        """JavaScript's `new`. Keywords are gathered into an object that is the last argument."""
        assert isinstance(cls, JsProxyMeta)
        if cls.illegal_constructor:
            raise JsTypeError.new("Illegal constructor")
        if options:
            args += (js_object(options),)
        if 0 <= cls._max_args < len(args):
            args = args[: cls._max_args]
        instance: _T = type.__call__(cls, *args)
        return instance

    @property
    def name(cls) -> str:
        return cls.js_name

    @property
    def typeof(cls) -> str:
        return "function"

    @property
    def constructor(cls) -> Any:
        return FunctionConstructor

    @property
    def js_id(cls) -> int:
        return id(cls)

    def __repr__(cls) -> str:
        return f"function {cls.js_name}() {{ [native code] }}"


def _refuse_to_assign(name: str) -> Callable[[Any, Any], None]:
    """The setter of a property that has none in JavaScript."""

    def refuse(self: Any, _value: Any) -> None:
        of = type(self).js_name
        shown = f"[object {of}]" if of in {"URL", "URLSearchParams"} else f"#<{of}>"
        raise JsTypeError.new(f"Cannot assign to read only property '{name}' of object '{shown}'")

    return refuse


class JsProxy(metaclass=JsProxyMeta):
    """Base of every class whose instances are JavaScript objects."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # `js_id` serves as a key

    js_name: str
    illegal_constructor: bool
    is_callable = False
    _js_array: ClassVar[Any]
    """Makes an Array; set by the module of arrays, which builds on this one."""
    _object_map: ClassVar[Any]
    """Gives an object as a mapping; set by the module `js_module`."""
    _class_of: ClassVar[Any]
    """Gives the constructor of a class as programs see it; set by the module `js_classes`."""

    @property
    def js_id(self) -> int:
        return id(self)

    @property
    def typeof(self) -> str:
        return "object"

    @property
    def constructor(self) -> Any:
        return self._class_of(type(self))

    def toString(self) -> str:
        return f"[object {type(self).js_name}]"

    def _ordered(self) -> Any:
        """The number or text that JavaScript compares."""
        return self.toString()

    def __lt__(self, other: object) -> bool:
        return self._ordered() < other._ordered() if isinstance(other, JsProxy) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self._ordered() <= other._ordered() if isinstance(other, JsProxy) else NotImplemented

    def to_py(
        self,
        *,
        depth: int = -1,
        default_converter: Callable[..., Any] | None = None,
    ) -> Any:
        """Convert to Python. What has no counterpart goes to `default_converter`, or stays as it is."""
        return ToPy(default_converter).convert(self, depth)

    def _convert_to_py(self, converter: ToPy, depth: int) -> Any:
        """Convert to Python. Classes with a Python counterpart override it."""
        return converter.default(self, depth)

    def object_keys(self) -> Any:
        return self._js_array(list(own_properties(self)))

    def object_values(self) -> Any:
        return self._js_array(list(own_properties(self).values()))

    def object_entries(self) -> Any:
        return self._js_array([self._js_array(list(pair)) for pair in own_properties(self).items()])

    def as_object_map(self, *, hereditary: bool = False) -> Any:
        return self._object_map(self, hereditary)

    def as_py_json(self) -> Any:
        return self._object_map(self, True)

    def bind_sig(self, _signature: Any) -> Any:
        return self

    def bind_class(self, _signature: Any) -> Any:
        return self

    def __reduce_ex__(self, _protocol: SupportsIndex) -> Any:
        raise TypeError("cannot pickle 'pyodide.ffi.JsProxy' object: JavaScript objects can't be copied either")

    def destroy(self) -> None:
        """Release the object. Python's garbage collection does it here."""

    def __str__(self) -> str:
        return js_string(self)

    __repr__ = __str__


class FunctionConstructor(JsProxy):
    """`Function`, as far as it is a constructor that functions name."""

    js_name = "Function"


class ToPy:
    """One conversion of JavaScript values to Python. Objects that refer to themselves convert once."""

    def __init__(self, default_converter: Callable[..., Any] | None) -> None:
        self._default_converter = default_converter
        self._cache: dict[int, Any] = {}

    def convert(self, value: Any, depth: int = -1) -> Any:
        if depth == 0 or not isinstance(value, JsProxy):
            return value
        known = self._cache.get(id(value))
        return known if known is not None else value._convert_to_py(self, depth)

    def remember(self, value: Any, converted: Any) -> None:
        self._cache[id(value)] = converted

    def default(self, value: Any, depth: int) -> Any:
        if self._default_converter is None:
            return value
        return self._default_converter(value, lambda inner: self.convert(inner, depth - 1), self.remember)


class JsObject(JsProxy):
    """A plain object. Its properties are attributes and not items: `to_py()` makes a dict."""

    js_name = "Object"

    _values: dict[str, Any]
    _sealing = ""
    """How far the object is closed to changes, as `close_to_changes` says."""

    def __init__(self, values: Any = None) -> None:
        object.__setattr__(self, "_values", values if isinstance(values, dict) else {})

    def __getattr__(self, name: str) -> Any:
        values = object.__getattribute__(self, "_values")
        name = property_name(name)
        if name in values:
            return values[name]
        raise AttributeError(name)

    def __setattr__(self, name: str, value: Any) -> None:
        name = property_name(name)
        if self._sealing:
            if name not in self._values:
                raise JsTypeError.new(f"Cannot add property {name}, object is not extensible")
            if self._sealing == "frozen":
                raise JsTypeError.new(f"Cannot assign to read only property '{name}' of object '#<Object>'")
        self._values[name] = value

    def __delattr__(self, name: str) -> None:
        name = property_name(name)
        if self._sealing in {"sealed", "frozen"} and name in self._values:
            raise JsTypeError.new(f"Cannot delete property '{name}' of #<Object>")
        self._values.pop(name, None)

    def close_to_changes(self, sealing: str) -> None:
        """Take no new properties ("closed"), lose none ("sealed"), or keep all as they are ("frozen")."""
        if _SEALINGS.index(sealing) > _SEALINGS.index(self._sealing):
            object.__setattr__(self, "_sealing", sealing)

    def is_closed_to(self, sealing: str) -> bool:
        """Whether the object is closed to changes as far as that. One without properties is if it takes none."""
        wanted = "closed" if not self._values else sealing
        return _SEALINGS.index(self._sealing) >= _SEALINGS.index(wanted)

    def __dir__(self) -> list[str]:
        return [*self._values, *super().__dir__()]

    def __getitem__(self, key: object) -> Any:
        raise TypeError(
            "'pyodide.ffi.JsProxy' object is not subscriptable: a JavaScript object has attributes, not items. "
            f"Write .{key}, or call to_py() for a dict"
        )

    @property
    def constructor(self) -> Any:
        return self._own_or("constructor", lambda: self._class_of(type(self)))

    @property
    def toString(self) -> Any:
        return self._own_or("toString", lambda: super(JsObject, self).toString)

    @property
    def hasOwnProperty(self) -> Any:
        return self._own_or("hasOwnProperty", lambda: lambda name=None, *_: js_string(name) in self._values)

    @property
    def destroy(self) -> Any:
        return self._own_or("destroy", lambda: super(JsObject, self).destroy)

    def _own_or(self, name: str, inherited: Callable[[], Any]) -> Any:
        """The object's own property, or what it inherits."""
        return self._values[name] if name in self._values else inherited()

    def _convert_to_py(self, converter: ToPy, depth: int) -> Any:
        result: dict[str, Any] = {}
        converter.remember(self, result)
        for name, value in in_order(self._values).items():
            result[name] = converter.convert(value, depth - 1)
        return result


_SEALINGS: Final = ("", "closed", "sealed", "frozen")


_NAMES: Final = frozenset({str, int})
"""The types of a dict's keys that JavaScript sees as names of properties."""


def js_object(values: dict[str, Any] | None = None) -> JsObject:
    """A plain object with these properties. The dict is kept, not copied."""
    made = object.__new__(JsObject)
    object.__setattr__(made, "_values", {} if values is None else values)
    return made


def own_properties(value: Any) -> dict[str, Any]:
    """The own enumerable properties of a value; empty for what has none."""
    if isinstance(value, JsObject):
        return in_order(value._values)
    if isinstance(value, dict):
        if not settings.dicts_have_properties:
            return {}
        return in_order({js_string(name): item for name, item in value.items() if type(name) in _NAMES})
    own = getattr(value, "_own_properties", None)
    if own is not None and isinstance(value, JsProxy):
        properties: dict[str, Any] = own()
        return properties
    return {}


def member(options: Any, name: str) -> Any:
    """The property `name` of an options object; undefined (None) where it is missing."""
    if isinstance(options, JsObject):
        return options._values.get(name)
    if options is None or options is jsnull:
        return None
    if isinstance(options, dict):
        return options.get(name) if settings.dicts_have_properties else None
    return getattr(options, name, None)


def js_function(function: Callable[..., _T]) -> Callable[..., _T]:
    """Let a function be called as Pyodide calls JavaScript: keywords become an options object that comes last."""
    code: Any = function.__code__
    most = -1 if code.co_flags & 0x04 else code.co_argcount

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> _T:
        if options:
            args += (js_object(options),)
        if 0 <= most < len(args):
            args = args[:most]
        return function(*args)

    return call


class _ErrorMeta(JsProxyMeta):
    """The class of the classes of errors. Python calls them with a name and a message; JavaScript uses `new`."""

    def __call__(cls, name: str, message: str = "", stack: str = "") -> Any:
        error: Any = cls.new(message)
        error.name = name
        return error


class JsException(Exception, JsProxy, metaclass=_ErrorMeta):
    """An Error of JavaScript."""

    js_name = "Error"
    is_callable = True
    captureStackTrace, isError, stackTraceLimit = Lacking(), Lacking(), Lacking()
    __reduce_ex__ = object.__reduce_ex__  # type: ignore[assignment]  # an exception can be copied

    def __init__(self, message: Any = None, options: Any = None) -> None:
        self.message = "" if message is None else js_string(message)
        self.name = type(self).js_name
        cause = member(options, "cause")
        if cause is not None:
            self.cause = cause
        super().__init__(self.message)

    @property
    def stack(self) -> str:
        return f"{self}\n    at <anonymous>"

    def toString(self) -> str:
        if not self.name or not self.message:
            return f"{self.name}{self.message}"
        return f"{self.name}: {self.message}"

    def __str__(self) -> str:
        return self.toString()

    def __repr__(self) -> str:
        return self.toString()


JsException.__module__ = "pyodide.ffi"


def _error_class(name: str) -> Any:
    return _ErrorMeta(
        "JsException", (JsException,), {"js_name": name, "__module__": "pyodide.ffi", "__doc__": f"A {name}."}
    )


JsTypeError = _error_class("TypeError")
JsRangeError = _error_class("RangeError")
JsSyntaxError = _error_class("SyntaxError")
JsReferenceError = _error_class("ReferenceError")
JsURIError = _error_class("URIError")
JsEvalError = _error_class("EvalError")


def js_string(value: Any) -> str:
    """JavaScript's `String(value)`."""
    if isinstance(value, str):
        return str.__str__(value)  # an Enum may have a `__str__` of its own
    if value is None:
        return "undefined"
    if value is jsnull:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return str(int(value)) if abs(value) < 10**21 else js_number(float(value))
    if isinstance(value, float):
        return js_number(value)
    if isinstance(value, JsProxy):
        if value.typeof == "symbol":
            raise JsTypeError.new("Cannot convert a Symbol value to a string")
        return str(value.toString())
    if isinstance(value, JsProxyMeta):
        return repr(value)
    return str(value)
