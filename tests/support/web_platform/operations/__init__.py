"""All operations, by subject. Their order doesn't matter: results are recorded under the operation's own text."""

from __future__ import annotations

from support.web_platform.operations import (
    bodies,
    encodings,
    events,
    forms,
    headers,
    html,
    languages,
    messages,
    streams,
    urls,
)

SUBJECTS: dict[str, list[str]] = {
    "urls": urls.OPERATIONS,
    "headers": headers.OPERATIONS,
    "html": html.OPERATIONS,
    "forms": forms.OPERATIONS,
    "bodies": bodies.OPERATIONS,
    "messages": messages.OPERATIONS,
    "streams": streams.OPERATIONS,
    "encodings": encodings.OPERATIONS,
    "events": events.OPERATIONS,
    "languages": languages.OPERATIONS,
}
