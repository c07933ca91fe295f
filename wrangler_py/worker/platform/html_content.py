"""The objects that HTMLRewriter's handlers get: elements, end tags, texts, comments, doctypes and the end."""

from __future__ import annotations

from typing import Any

from wrangler_py.worker.platform.arrays import js_array
from wrangler_py.worker.platform.conversions import is_truthy
from wrangler_py.worker.platform.convert import kept_callback
from wrangler_py.worker.platform.html_tokens import VOID, Attribute, Token
from wrangler_py.worker.platform.iterators import JsIterator
from wrangler_py.worker.platform.stream_sources import Callback, type_error
from wrangler_py.worker.platform.values import JsProxy, js_function, js_string, jsnull, member


def markup(content: Any, options: Any) -> str:
    """The HTML of content that a program inserts: text is escaped unless the program says that it is HTML."""
    text = js_string(content)
    if is_truthy(member(options, "html")):
        return text
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class _Content(JsProxy):
    """A token that may be removed, replaced, and have content put around it."""

    illegal_constructor = True

    def __init__(self, token: Token) -> None:
        self._token = token
        self._before: list[str] = []
        self._after: list[str] = []
        self._replacement: str | None = None

    @property
    def removed(self) -> bool:
        return self._replacement is not None

    @js_function
    def before(self, content: Any = None, options: Any = None) -> Any:
        self._before.append(markup(content, options))
        return self

    @js_function
    def after(self, content: Any = None, options: Any = None) -> Any:
        self._after.insert(0, markup(content, options))
        return self

    @js_function
    def replace(self, content: Any = None, options: Any = None) -> Any:
        self._replacement = markup(content, options)
        return self

    def remove(self) -> Any:
        self._replacement = ""
        return self

    def rendered(self) -> str:
        """The token as it is now."""
        own = self._source() if self._replacement is None else self._replacement
        return "".join([*self._before, own, *self._after])

    def _source(self) -> str:
        return self._token.source


class Text(_Content):
    """A piece of text. The last one of a text node is empty."""

    js_name = "TextChunk"

    def __init__(self, token: Token, last: bool) -> None:
        super().__init__(token)
        self.lastInTextNode = last

    @property
    def text(self) -> str:
        return self._token.content


class Comment(_Content):
    """A comment."""

    def __init__(self, token: Token) -> None:
        super().__init__(token)
        self._text: str | None = None

    @property
    def text(self) -> str:
        return self._token.content if self._text is None else self._text

    @text.setter
    def text(self, value: Any) -> None:
        self._text = js_string(value)

    def _source(self) -> str:
        return self._token.source if self._text is None else f"<!--{self._text}-->"


class Doctype(JsProxy):
    """The doctype."""

    illegal_constructor = True

    def __init__(self, token: Token) -> None:
        self.name = token.name
        self.publicId = jsnull if token.public_id is None else token.public_id
        self.systemId = jsnull if token.system_id is None else token.system_id


class DocumentEnd(JsProxy):
    """The end of the document."""

    illegal_constructor = True

    def __init__(self) -> None:
        self.added: list[str] = []

    @js_function
    def append(self, content: Any = None, options: Any = None) -> DocumentEnd:
        self.added.append(markup(content, options))
        return self


class EndTag(_Content):
    """An element's end tag."""

    def __init__(self, token: Token) -> None:
        super().__init__(token)
        self.name = token.name

    def _source(self) -> str:
        return self._token.source if self.name == self._token.name else f"</{self.name}>"


class Element(_Content):
    """An element's start tag, and what is to become of its content."""

    namespaceURI = "http://www.w3.org/1999/xhtml"

    def __init__(self, token: Token) -> None:
        super().__init__(token)
        self._name = token.name
        self._attributes = list(token.attributes)
        self._changed = False
        self.prepended: list[str] = []
        self.appended: list[str] = []
        self.inner: str | None = None
        """The replacement of its content."""
        self.keeps_content = False
        self.end_handlers: list[Callback] = []

    @property
    def tagName(self) -> str:
        return self._name

    @tagName.setter
    def tagName(self, name: Any) -> None:
        self._name, self._changed = js_string(name), True

    @property
    def renamed(self) -> str | None:
        """The name of the end tag, if it is another now."""
        return None if self._name == self._token.name else self._name

    @property
    def has_end_tag(self) -> bool:
        return self._token.name not in VOID and not self._token.self_closing

    @property
    def attributes(self) -> JsIterator:
        return JsIterator.new(js_array([attribute.name, attribute.value]) for attribute in list(self._attributes))

    def _find(self, name: Any) -> int | None:
        key = js_string(name).lower()
        return next((index for index, attribute in enumerate(self._attributes) if attribute.name == key), None)

    def getAttribute(self, name: Any = None) -> Any:
        index = self._find(name)
        return jsnull if index is None else self._attributes[index].value

    def hasAttribute(self, name: Any = None) -> bool:
        return self._find(name) is not None

    def setAttribute(self, name: Any = None, value: Any = None) -> Element:
        key, text = js_string(name).lower(), js_string(value)
        escaped = text.replace('"', "&quot;")
        attribute = Attribute(key, text, f'{key}="{escaped}"')
        index = self._find(name)
        if index is None:
            self._attributes.append(attribute)
        else:
            self._attributes[index] = attribute
        self._changed = True
        return self

    def removeAttribute(self, name: Any = None) -> Element:
        index = self._find(name)
        if index is not None:
            del self._attributes[index]
            self._changed = True
        return self

    @js_function
    def prepend(self, content: Any = None, options: Any = None) -> Element:
        self.prepended.insert(0, markup(content, options))
        return self

    @js_function
    def append(self, content: Any = None, options: Any = None) -> Element:
        self.appended.append(markup(content, options))
        return self

    @js_function
    def setInnerContent(self, content: Any = None, options: Any = None) -> Element:
        self.inner = markup(content, options)
        return self

    def removeAndKeepContent(self) -> Element:
        self._replacement, self.keeps_content = "", True
        return self

    def onEndTag(self, handler: Any = None) -> None:
        if not self.has_end_tag:
            raise type_error("Parser error: No end tag.")
        self.end_handlers.append(kept_callback(handler))

    def start(self) -> str:
        """The HTML before the content, without the tag if it is removed."""
        own = self._source() if self._replacement is None else self._replacement
        return "".join([*self._before, own])

    def end(self) -> str:
        """The HTML behind the end tag."""
        return "".join(self._after)

    def _source(self) -> str:
        if not self._changed:
            return self._token.source
        name = self._name if self.renamed else self._token.source[1 : 1 + len(self._token.name)]
        attributes = "".join(f" {attribute.source}" for attribute in self._attributes)
        return f"<{name}{attributes}{' /' if self._token.self_closing else ''}>"


def make(kind: Any, *args: Any) -> Any:
    """An instance of a class that programs make none of."""
    made = object.__new__(kind)
    made.__init__(*args)
    return made
