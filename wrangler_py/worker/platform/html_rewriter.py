"""`HTMLRewriter`."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any

from wrangler_py.worker.platform.arguments import MISSING, is_object, not_of_type, text_argument, wrong_field
from wrangler_py.worker.platform.bodies import Body
from wrangler_py.worker.platform.convert import JsDoubleProxy, kept_callback
from wrangler_py.worker.platform.css_selectors import OpenElement, Selector
from wrangler_py.worker.platform.headers import copy_of
from wrangler_py.worker.platform.html_content import Comment, Doctype, DocumentEnd, Element, EndTag, Text, make
from wrangler_py.worker.platform.html_tokens import VOID, Token, tokens_of
from wrangler_py.worker.platform.readable import stream_of_chunks
from wrangler_py.worker.platform.responses import Response, make_response
from wrangler_py.worker.platform.stream_sources import Callback, type_error
from wrangler_py.worker.platform.values import JsProxy, member


class _Handlers:
    """A program's handlers: what they handle, by kind of content."""

    def __init__(self, given: Any, names: tuple[str, ...], kind: str) -> None:
        self._given = given
        # A method of a proxy lives as long as the proxy; that of a plain Python object is gone by now.
        kept = isinstance(given, JsDoubleProxy)
        found = {name: member(given, name) for name in names}
        for name, method in found.items():
            if method is not None and not callable(method):
                raise wrong_field(name, kind, "function")
        self._methods: dict[str, Callback] = {
            name: method if kept else kept_callback(method) for name, method in found.items() if callable(method)
        }

    async def call(self, name: str, content: Any) -> bool:
        method = self._methods.get(name)
        if method is None:
            return False
        result = method(content)
        if inspect.isawaitable(result):
            await result
        return True


class HTMLRewriter(JsProxy):
    """Changes HTML while it passes."""

    def __init__(self) -> None:
        self._elements: list[tuple[Selector, _Handlers]] = []
        self._documents: list[_Handlers] = []

    def on(self, selector: Any = MISSING, handlers: Any = None) -> HTMLRewriter:
        text = text_argument(selector, "HTMLRewriter", 1, "on")
        kind = "ElementContentHandlers"
        if not is_object(handlers):
            raise not_of_type("HTMLRewriter", 2, kind, "on")
        self._elements.append((Selector(text), _Handlers(handlers, ("element", "comments", "text"), kind)))
        return self

    def onDocument(self, handlers: Any = None) -> HTMLRewriter:
        kind = "DocumentContentHandlers"
        if not is_object(handlers):
            raise not_of_type("HTMLRewriter", 1, kind, "onDocument")
        self._documents.append(_Handlers(handlers, ("doctype", "comments", "text", "end"), kind))
        return self

    def transform(self, response: Any = None) -> Response:
        if not isinstance(response, Response):
            raise not_of_type("HTMLRewriter", 1, "Response", "transform")
        headers = copy_of(response.headers)
        body = None
        if response._body is not None:
            if response.bodyUsed:
                raise type_error("The ReadableStream has been locked to a reader.")
            source = response._body.moved()
            body = Body(None, stream_of_chunks(self._rewritten(source)))
        return make_response(response.status, headers, body, status_text=response._status_text, url=response.url)

    async def _rewritten(self, source: Body) -> AsyncIterator[bytes]:
        html = (await source.read()).decode("utf-8", "surrogateescape")
        rewriting = _Rewriting(self._elements, self._documents)
        for token in tokens_of(html):
            await rewriting.take(token)
        await rewriting.finish()
        yield "".join(rewriting.output).encode("utf-8", "surrogateescape")


class _Open:
    """An element whose end has not come yet."""

    def __init__(self, shown: OpenElement, element: Element | None, selected: list[_Handlers]) -> None:
        self.shown, self.element, self.selected = shown, element, selected
        self.children = 0
        self.children_of_type: dict[str, int] = {}

    def count(self, tag: str) -> tuple[int, int]:
        self.children += 1
        self.children_of_type[tag] = self.children_of_type.get(tag, 0) + 1
        return self.children, self.children_of_type[tag]

    @property
    def drops_content(self) -> bool:
        element = self.element
        return element is not None and (
            element.inner is not None or (element.is_removed and not element.keeps_content)
        )


class _Rewriting:
    """One document on its way."""

    def __init__(self, elements: list[tuple[Selector, _Handlers]], documents: list[_Handlers]) -> None:
        self.output: list[str] = []
        self._elements, self._documents = elements, documents
        self._root = _Open(OpenElement("", {}, 1, 1), None, [])
        self._open: list[_Open] = []

    @property
    def _dropping(self) -> bool:
        return any(element.drops_content for element in self._open)

    def _write(self, text: str) -> None:
        if not self._dropping:
            self.output.append(text)

    async def take(self, token: Token) -> None:
        if token.kind == "start":
            await self._start(token)
        elif token.kind == "end":
            await self._end(token)
        elif token.kind == "text":
            await self._text(token)
        elif token.kind == "comment":
            comment = make(Comment, token)
            await self._call("comments", comment)
            comment.expire()
            self._write(comment.rendered())
        else:
            doctype = make(Doctype, token)
            for handlers in self._documents:
                await handlers.call("doctype", doctype)
            self._write(token.source)

    async def _call(self, name: str, content: Any) -> None:
        for open_element in self._open:
            for handlers in open_element.selected:
                await handlers.call(name, content)
        for handlers in self._documents:
            await handlers.call(name, content)

    async def _text(self, token: Token) -> None:
        for text in (make(Text, token, False), make(Text, Token("text", ""), True)):
            await self._call("text", text)
            text.expire()
            self._write(text.rendered())

    async def _start(self, token: Token) -> None:
        parent = self._open[-1] if self._open else self._root
        shown = OpenElement(
            token.name, {a.name: a.value for a in reversed(token.attributes)}, *parent.count(token.name)
        )
        path = [*(element.shown for element in self._open), shown]
        selected = [handlers for selector, handlers in self._elements if selector.matches(path)]
        element = make(Element, token) if selected else None
        for handlers in selected:
            await handlers.call("element", element)
        if element is not None:
            element.expire()
        self._write(token.source if element is None else element.start())
        if token.name in VOID or token.self_closing:
            if element is not None:
                self._write(element.end())
            return
        opened = _Open(shown, element, selected)
        if element is not None:
            if not element.is_removed or element.keeps_content:
                self._write("".join(element.prepended))
            if element.inner is not None and not element.is_removed:
                self._write(element.inner)
        self._open.append(opened)

    async def _end(self, token: Token) -> None:
        if not any(element.shown.tag == token.name for element in self._open):
            self._write(token.source)
            return
        while self._open:
            closed = self._open.pop()
            explicit = closed.shown.tag == token.name
            await self._close(closed, token if explicit else None)
            if explicit:
                return

    async def _close(self, closed: _Open, token: Token | None) -> None:
        element = closed.element
        if element is None:
            if token is not None:
                self._write(token.source)
            return
        if not element.is_removed or element.keeps_content:
            self._write("".join(element.appended))
        if token is not None:
            tag = make(EndTag, token)
            if element.renamed is not None:
                tag.name = element.renamed
            for handler in element.end_handlers:
                result = handler(tag)
                if inspect.isawaitable(result):
                    await result
            tag.expire()
            if element.is_removed:
                tag.drop()
            self._write(tag.rendered())
        self._write(element.end())

    async def finish(self) -> None:
        self._open.clear()
        end = make(DocumentEnd)
        for handlers in self._documents:
            await handlers.call("end", end)
        self.output.extend(end.added)
