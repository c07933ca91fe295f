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
from support.web_platform.operations.edges import addresses as address_edges
from support.web_platform.operations.edges import arrays as array_edges
from support.web_platform.operations.edges import bodies as body_edges
from support.web_platform.operations.edges import collections as collection_edges
from support.web_platform.operations.edges import contents as content_edges
from support.web_platform.operations.edges import dates as date_edges
from support.web_platform.operations.edges import events as event_edges
from support.web_platform.operations.edges import json_and_timers as json_edges
from support.web_platform.operations.edges import keys as key_edges
from support.web_platform.operations.edges import messages as message_edges
from support.web_platform.operations.edges import streams as stream_edges
from support.web_platform.operations.edges import texts as text_edges

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
    "edges of addresses": address_edges.OPERATIONS,
    "edges of arrays": array_edges.OPERATIONS,
    "edges of bodies": body_edges.OPERATIONS,
    "edges of collections": collection_edges.OPERATIONS,
    "edges of contents": content_edges.OPERATIONS,
    "edges of dates": date_edges.OPERATIONS,
    "edges of events": event_edges.OPERATIONS,
    "edges of JSON and timers": json_edges.OPERATIONS,
    "edges of keys": key_edges.OPERATIONS,
    "edges of messages": message_edges.OPERATIONS,
    "edges of streams": stream_edges.OPERATIONS,
    "edges of texts": text_edges.OPERATIONS,
}
