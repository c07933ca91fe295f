"""Translates an operation, written in Python as a Worker would write it, to JavaScript.

An operation is a few statements; the value of the last expression, or of `return`, is its result. The rules are
those of Pyodide: `X.new(…)` is `new X(…)`, keyword arguments are a trailing object, `None` is `undefined`, `null`
is `null`, and a trailing underscore is dropped. These functions stand for what the two languages write differently:

    u8(b"…")         a Uint8Array
    obj(a=1)         a plain object; obj({"a-b": 1}) for other names
    arr(1, 2)        an Array
    items(x)         the items of an iterable, as a list
    gather(x)        the items of an asynchronous iterable, as a list
    undefined(x)     whether x is `undefined`
    len(x), str(x)   x.length, String(x)
    swap(x, a, b)    x.replaceAll(a, b), of a string

The string methods `upper` and `startswith` have Python's names.
"""

from __future__ import annotations

import ast
import json
from typing import Any

_METHODS = {"upper": "toUpperCase", "startswith": "startsWith"}
_BINARY = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "%"}
_COMPARE = {
    ast.Eq: "===",
    ast.Is: "===",
    ast.NotEq: "!==",
    ast.IsNot: "!==",
    ast.Lt: "<",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.LtE: "<=",
}


def to_javascript(operation: str) -> str:
    """The body of an async function that does the same."""
    tree = ast.parse(operation)
    names = sorted({name for statement in ast.walk(tree) for name in _assigned(statement)})
    lines = [f"let {', '.join(names)}"] if names else []
    for statement in tree.body[:-1]:
        lines.append(_statement(statement))
    last = tree.body[-1]
    lines.append(f"return {_expression(last.value)}" if isinstance(last, ast.Expr) else _statement(last))
    return ";\n".join(lines)


def _assigned(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Assign):
        return [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    if isinstance(node, ast.For | ast.AsyncFor) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def _statement(node: ast.stmt) -> str:
    match node:
        case ast.Expr(value=value):
            return _expression(value)
        case ast.Return(value=value):
            return "return" if value is None else f"return {_expression(value)}"
        case ast.Assign(targets=[target], value=value):
            return f"{_expression(target)} = {_expression(value)}"
        case ast.For(target=target, iter=iterable, body=body):
            return f"for ({_expression(target)} of {_expression(iterable)}) {_block(body)}"
        case ast.AsyncFor(target=target, iter=iterable, body=body):
            return f"for await ({_expression(target)} of {_expression(iterable)}) {_block(body)}"
        case ast.If(test=test, body=body, orelse=orelse):
            return f"if ({_expression(test)}) {_block(body)}" + (f" else {_block(orelse)}" if orelse else "")
        case ast.Break():
            return "break"
        case ast.Pass():
            return ""
        case ast.Raise(exc=ast.expr() as exc):
            return f"throw {_expression(exc)}"
        case ast.FunctionDef(name=name, args=args, body=body):
            return f"function {name}({_parameters(args)}) {_block(body)}"
        case ast.AsyncFunctionDef(name=name, args=args, body=body):
            return f"async function {name}({_parameters(args)}) {_block(body)}"
        case ast.Try(body=body, handlers=[handler]):
            return f"try {_block(body)} catch ({handler.name or '_'}) {_block(handler.body)}"
    raise NotImplementedError(ast.dump(node))


def _block(body: list[ast.stmt]) -> str:
    return "{\n" + ";\n".join(map(_statement, body)) + "\n}"


def _parameters(args: ast.arguments) -> str:
    named = [arg.arg for arg in args.args]
    return ", ".join([*named, f"...{args.vararg.arg}"] if args.vararg else named)


def _expression(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=value):
            return _constant(value)
        case ast.Name(id=name):
            return name.removesuffix("_")
        case ast.Attribute(value=value, attr=attr):
            return f"{_operand(value)}.{_METHODS.get(attr, attr.removesuffix('_'))}"
        case ast.Subscript(value=value, slice=index):
            return f"{_operand(value)}[{_expression(index)}]"
        case ast.Await(value=value):
            return f"(await {_expression(value)})"
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return f"[{', '.join(map(_expression, elements))}]"
        case ast.Starred(value=value):
            return f"...{_expression(value)}"
        case ast.Lambda(args=args, body=body):
            return f"(({_parameters(args)}) => ({_expression(body)}))"
        case ast.BinOp(left=left, op=operator, right=right):
            return f"({_expression(left)} {_BINARY[type(operator)]} {_expression(right)})"
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            return f"({_expression(left)} {_COMPARE[type(operator)]} {_expression(right)})"
        case ast.BoolOp(op=operator, values=values):
            return "(" + (" && " if isinstance(operator, ast.And) else " || ").join(map(_expression, values)) + ")"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return f"(!{_expression(operand)})"
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"(-{_expression(operand)})"
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return f"({_expression(test)} ? {_expression(body)} : {_expression(orelse)})"
        case ast.ListComp(elt=element, generators=[generator]):
            function = f"({_expression(generator.target)}) => ({_expression(element)})"
            if generator.is_async:
                return f"(await gather({_expression(generator.iter)})).map({function})"
            return f"Array.from({_expression(generator.iter)}).map({function})"
        case ast.Dict():
            return _object(node)
        case ast.Call():
            return _call(node)
    raise NotImplementedError(ast.dump(node))


def _operand(node: ast.expr) -> str:
    text = _expression(node)
    return f"({text})" if isinstance(node, ast.Constant) or text.startswith("new ") else text


def _constant(value: Any) -> str:
    if value is None:
        return "undefined"
    if isinstance(value, bytes):
        return f"new Uint8Array([{', '.join(map(str, value))}])"
    return json.dumps(value)


def _call(node: ast.Call) -> str:
    arguments = [_expression(argument) for argument in node.args]
    named = "{" + ", ".join(f"{json.dumps(k.arg)}: {_expression(k.value)}" for k in node.keywords) + "}"
    if isinstance(node.func, ast.Name):
        match node.func.id:
            case "u8":
                return arguments[0]
            case "arr":
                return f"[{', '.join(arguments)}]"
            case "obj" if node.keywords:
                return f"({named})"
            case "obj":
                return arguments[0] if node.args else "({})"
            case "items":
                return f"[...{arguments[0]}]"
            case "gather":
                return f"(await gather({arguments[0]}))"
            case "undefined":
                return f"({arguments[0]} === undefined)"
            case "len":
                return f"{arguments[0]}.length"
            case "swap":
                return f"{arguments[0]}.replaceAll({arguments[1]}, {arguments[2]})"
            case "str":
                return f"String({arguments[0]})"
    if node.keywords:
        arguments.append(named)
    joined = ", ".join(arguments)
    if isinstance(node.func, ast.Attribute) and node.func.attr == "new":
        return f"new {_operand(node.func.value)}({joined})"
    return f"{_operand(node.func)}({joined})"


def _object(node: ast.Dict) -> str:
    pairs = zip(node.keys, node.values, strict=True)
    return "({" + ", ".join(f"[{_expression(key)}]: {_expression(value)}" for key, value in pairs if key) + "})"


PRELUDE = """
async function gather(iterable) {
  const found = []
  for await (const item of iterable) found.push(item)
  return found
}

function hex(view) {
  const isView = ArrayBuffer.isView(view)
  const bytes = isView ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : new Uint8Array(view)
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
}

function show(value) {
  if (value === undefined) return { $: "undefined" }
  if (value === null || typeof value === "boolean" || typeof value === "string") return value
  if (typeof value === "number") return Number.isFinite(value) ? value : { $: "number", value: String(value) }
  if (typeof value === "bigint") return { $: "bigint", value: String(value) }
  if (typeof value === "function") return { $: "function" }
  if (typeof value === "symbol") return { $: "symbol" }
  if (Array.isArray(value)) return value.map(show)
  if (value instanceof Error || value instanceof DOMException) {
    return { $: "error", name: value.name, message: value.message }
  }
  const kind = value.constructor?.name ?? "Object"
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return { $: kind, hex: hex(value) }
  if (value instanceof URL) return { $: kind, href: value.href }
  if (value instanceof File) return { $: kind, name: value.name, type: value.type, size: value.size }
  if (value instanceof Blob) return { $: kind, type: value.type, size: value.size }
  if (value instanceof Date) return { $: kind, value: show(value.getTime()) }
  if (value instanceof Headers || value instanceof URLSearchParams || value instanceof FormData) {
    return { $: kind, entries: Array.from(value.entries(), show) }
  }
  if (value instanceof Map || value instanceof Set) return { $: kind, entries: Array.from(value, show) }
  if (Object.getPrototypeOf(value) === Object.prototype) {
    return { $: "Object", entries: Object.entries(value).map(show) }
  }
  return { $: kind }
}

async function run(operation) {
  let timer
  const late = new Promise((resolve) => { timer = setTimeout(resolve, 3000, { never: true }) })
  try {
    return await Promise.race([operation().then((value) => ({ value: show(value) })), late])
  } catch (error) {
    return { throws: show(error) }
  } finally {
    clearTimeout(timer)
  }
}
"""


def worker(operations: list[str]) -> str:
    """A module Worker that answers with the results of all operations, as a JSON array."""
    functions = ",\n".join(f"async () => {{\n{to_javascript(operation)}\n}}" for operation in operations)
    return (
        f"{PRELUDE}\nconst operations = [\n{functions}\n]\n"
        "export default {\n  async fetch(request) {\n"
        "    const first = Number(new URL(request.url).searchParams.get('first'))\n"
        "    const last = Number(new URL(request.url).searchParams.get('last'))\n"
        "    const results = []\n"
        "    for (const operation of operations.slice(first, last)) results.push(await run(operation))\n"
        "    return new Response(JSON.stringify(results))\n  },\n}\n"
    )
