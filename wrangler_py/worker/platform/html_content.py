"""The objects that HTMLRewriter's handlers get: elements, end tags, texts, comments, doctypes and the end."""

from __future__ import annotations

from typing import Any, Final

from wrangler_py.worker.platform.arguments import (
    MISSING,
    function_argument,
    not_of_type,
    options_argument,
    text_argument,
)
from wrangler_py.worker.platform.arrays import js_array
from wrangler_py.worker.platform.conversions import is_truthy
from wrangler_py.worker.platform.convert import kept_callback
from wrangler_py.worker.platform.html_tokens import VOID, Attribute, Token
from wrangler_py.worker.platform.iterators import JsIterator
from wrangler_py.worker.platform.stream_sources import Callback, type_error
from wrangler_py.worker.platform.values import JsProxy, js_function, js_string, jsnull, member

_GONE: Final = (
    "This content token is no longer valid. Content tokens are only valid during the execution of the relevant "
    "content handler."
)
_FORBIDDEN_IN_ATTRIBUTES: Final = " \n\r\t\x0c/>="
_FORBIDDEN_IN_TAGS: Final = " \n\r\t\x0c/>"


def markup(content: Any, options: Any, of: str = "", method: str = "") -> str:
    """The HTML of content that a program inserts: text is escaped unless the program says that it is HTML."""
    if content is MISSING:
        raise not_of_type(of, 1, "string or JsReadableStream or Response", method)
    text = js_string(content)
    if is_truthy(member(options_argument(options, of, 2, "ContentOptions", method), "html")):
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
        self._valid = True

    def expire(self) -> None:
        """Be of no use to the program any more: its handlers have run."""
        self._valid = False

    def _check(self) -> None:
        if not self._valid:
            raise type_error(_GONE)

    def _markup(self, content: Any, options: Any, method: str) -> str:
        self._check()
        return markup(content, options, type(self).js_name, method)

    @property
    def removed(self) -> bool:
        self._check()
        return self.is_removed

    @property
    def is_removed(self) -> bool:
        """The same for the code of this platform."""
        return self._replacement is not None

    @js_function
    def before(self, content: Any = MISSING, options: Any = None) -> Any:
        self._before.append(self._markup(content, options, "before"))
        return self

    @js_function
    def after(self, content: Any = MISSING, options: Any = None) -> Any:
        self._after.insert(0, self._markup(content, options, "after"))
        return self

    @js_function
    def replace(self, content: Any = MISSING, options: Any = None) -> Any:
        self._replacement = self._markup(content, options, "replace")
        return self

    def remove(self) -> Any:
        self._check()
        self._replacement = ""
        return self

    def drop(self) -> None:
        """`remove` for the code of this platform."""
        self._replacement = ""

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
        self._check()
        return self._token.content


class Comment(_Content):
    """A comment."""

    def __init__(self, token: Token) -> None:
        super().__init__(token)
        self._text: str | None = None

    @property
    def text(self) -> str:
        self._check()
        return self._token.content if self._text is None else self._text

    @text.setter
    def text(self, value: Any) -> None:
        self._check()
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
        self._check()
        return self._name

    @tagName.setter
    def tagName(self, name: Any) -> None:
        self._check()
        self._name, self._changed = _checked_name(name, "tag", _FORBIDDEN_IN_TAGS), True

    @property
    def renamed(self) -> str | None:
        """The name of the end tag, if it is another now."""
        return None if self._name == self._token.name else self._name

    @property
    def has_end_tag(self) -> bool:
        return self._token.name not in VOID and not self._token.self_closing

    @property
    def attributes(self) -> JsIterator:
        self._check()
        return JsIterator.new(js_array([attribute.name, attribute.value]) for attribute in list(self._attributes))

    def _find(self, name: Any) -> int | None:
        self._check()
        key = js_string(name).lower()
        return next((index for index, attribute in enumerate(self._attributes) if attribute.name == key), None)

    def getAttribute(self, name: Any = None) -> Any:
        index = self._find(name)
        return jsnull if index is None else self._attributes[index].value

    def hasAttribute(self, name: Any = None) -> bool:
        return self._find(name) is not None

    def setAttribute(self, name: Any = MISSING, value: Any = MISSING) -> Element:
        given = text_argument(name, "Element", 1, "setAttribute")
        text = text_argument(value, "Element", 2, "setAttribute")
        key = _checked_name(given, "attribute", _FORBIDDEN_IN_ATTRIBUTES).lower()
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
    def prepend(self, content: Any = MISSING, options: Any = None) -> Element:
        self.prepended.insert(0, self._markup(content, options, "prepend"))
        return self

    @js_function
    def append(self, content: Any = MISSING, options: Any = None) -> Element:
        self.appended.append(self._markup(content, options, "append"))
        return self

    @js_function
    def setInnerContent(self, content: Any = MISSING, options: Any = None) -> Element:
        self.inner = self._markup(content, options, "setInnerContent")
        return self

    def removeAndKeepContent(self) -> Element:
        self._check()
        self._replacement, self.keeps_content = "", True
        return self

    def onEndTag(self, handler: Any = None) -> None:
        function_argument(handler, "Element", 1, "onEndTag")
        self._check()
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


def _checked_name(name: Any, of: str, forbidden: str) -> str:
    text = js_string(name)
    if not text:
        raise type_error(f"Parser error: {of.capitalize()} name can't be empty.")
    for character in text:
        if character in forbidden:
            raise type_error(f"Parser error: `{character}` character is forbidden in the {of} name")
    return text


def make(kind: Any, *args: Any) -> Any:
    """An instance of a class that programs make none of."""
    made = object.__new__(kind)
    made.__init__(*args)
    return made
