"""What the text of a function's body shows of what it leaves behind in the session that runs it.

Triggers, defaults and views run functions that no query names. PL/pgSQL has no parser here, but it has SQL's
tokens, and those are enough to tell the many harmless ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from wrangler_py.sql.clock_constants import may_have_clock_constant
from wrangler_py.sql.plan_settings import leaves_plans

RUN_SQL = frozenset({
    "cursor_to_xml", "cursor_to_xmlschema", "database_to_xml", "database_to_xml_and_xmlschema",
    "database_to_xmlschema", "query_to_xml", "query_to_xml_and_xmlschema", "query_to_xmlschema", "schema_to_xml",
    "schema_to_xml_and_xmlschema", "schema_to_xmlschema", "table_to_xml", "table_to_xml_and_xmlschema",
    "table_to_xmlschema", "ts_rewrite", "ts_stat",
})  # fmt: skip
"""Functions of PostgreSQL's own that run SQL, or read tables, named by their arguments."""

SESSION_FUNCTIONS = RUN_SQL | {
    "nextval", "pg_advisory_lock", "pg_advisory_lock_shared", "pg_backup_start", "pg_copy_logical_replication_slot",
    "pg_copy_physical_replication_slot", "pg_create_logical_replication_slot",
    "pg_create_physical_replication_slot", "pg_export_snapshot", "pg_replication_origin_session_reset",
    "pg_replication_origin_session_setup", "pg_try_advisory_lock", "pg_try_advisory_lock_shared", "set_config",
    "setseed", "setval",
}  # fmt: skip
"""PostgreSQL's own functions that leave something behind in the session, or may run something that does."""

_SUSPICIOUS = frozenset({
    "call", "discard", "execute", "hold", "listen", "load", "pg_settings", "pg_temp", "prepare", "reset", "temp",
    "temporary",
})  # fmt: skip
_WRITE = frozenset({"copy", "insert", "merge", "update"})
_BEFORE_A_STATEMENT = frozenset({";", ">>", "begin", "atomic", "then", "else", "loop"})
_GONE_WITH_THE_TRANSACTION = frozenset({"local", "constraints", "transaction"})
_BEGIN_A_STATEMENT = frozenset({"assert", "elseif", "elsif", "if", "perform", "return", "while"})
_NO_CALL_BEHIND = {
    "by": {"group", "order", "partition"},
    "conflict": {"on"},
    "cube": {"by"},
    "filter": {")"},
    "insert": {"then"},
    "key": {"foreign", "primary"},
    "over": {")"},
    "query": {"return"},
    "rollup": {"by"},
    "set": {"update"},
    "sets": {"grouping"},
}
"""Words that are no function's name, although a parenthesis follows, when they stand behind one of these."""


class _Token(NamedTuple):
    text: str
    """In lower case. Quotes are gone from names that are known here."""
    is_word: bool
    is_reserved: bool
    """A word that can't name a function of one's own."""


def leaves_nothing_behind(body: str) -> bool:
    """Whether a function with this body (SQL or PL/pgSQL) surely changes nothing that outlives its transaction.

    Dynamic SQL, calls of functions that aren't PostgreSQL's own, and what can't be read are taken to do so. A
    constant such as 'today' leaves a plan in which it is always the same day, and settings leave plans made for
    them.
    """
    if may_have_clock_constant(body.encode("utf-8", "replace")):
        return False
    tokens = _tokens(body)
    if tokens is None:
        return False
    if any(token.is_word and token.text in _SUSPICIOUS for token in tokens):
        return False
    statements = [_Token(";", False, False), *tokens, _Token(";", False, False)]
    for place, (before, token) in enumerate(pairwise(statements), start=1):
        following = statements[min(place + 1, len(statements) - 1)].text
        if token.text in ("do", "set") and before.text in _BEFORE_A_STATEMENT:
            if following not in _GONE_WITH_THE_TRANSACTION:
                return False
            if following == "local" and not _leaves_plans(statements[place + 2 : place + 4]):
                return False
        elif token.is_word and following == "(" and not _is_harmless_call(statements, place):
            return False
    return True


def writes(body: str) -> bool:
    """Whether a function with this body may write tables, as far as its text shows."""
    tokens = _tokens(body)
    return tokens is None or any(token.text in _WRITE for token in tokens)


def _tokens(body: str) -> list[_Token] | None:
    from postgast import PgQueryError, scan
    from postgast.pg_query_pb2 import KeywordKind, Token

    from wrangler_py.sql.postgres_functions import BUILTIN

    comments = {Token.Value("SQL_COMMENT"), Token.Value("C_COMMENT")}
    no_keyword = {KeywordKind.Value("NO_KEYWORD"), KeywordKind.Value("UNRESERVED_KEYWORD")}
    identifier, strange = Token.Value("IDENT"), Token.Value("UIDENT")
    octets = body.encode("utf-8", "replace")
    try:
        found = scan(octets.decode()).tokens
    except PgQueryError:
        return None
    tokens = []
    for token in found:
        if token.token in comments:
            continue
        if token.token == strange:
            return None
        text = octets[token.start : token.end].decode("utf-8", "replace")
        free = token.keyword_kind in no_keyword
        is_word = token.token == identifier or token.keyword_kind != 0
        quoted = text[1:-1] if text[:1] == '"' else ""
        text = quoted if quoted in BUILTIN or quoted in _SUSPICIOUS else text.lower()
        tokens.append(_Token(text, is_word, is_word and not free))
    return tokens


def _is_harmless_call(tokens: Sequence[_Token], place: int) -> bool:
    """Whether the word at `place`, which a parenthesis follows, calls nothing, or nothing that matters."""
    from wrangler_py.sql.postgres_functions import BUILTIN

    name = tokens[place].text
    first = place
    while tokens[first - 1].text == ".":
        first -= 2
    if tokens[first - 1].text == "into":
        return True  # the columns of an INSERT
    if first < place and (tokens[first].text != "pg_catalog" or first < place - 2 or name not in BUILTIN):
        return False
    if name == "set_config":
        setting = tokens[place + 2].text.strip("'")
        return _is_for_the_transaction(tokens, place + 1) and ("." in setting or leaves_plans(setting))
    if name in SESSION_FUNCTIONS:
        return False
    if tokens[place].is_reserved or name in BUILTIN:
        return True
    before = tokens[place - 1].text
    if name in _BEGIN_A_STATEMENT:
        return before in _BEFORE_A_STATEMENT
    return before in _NO_CALL_BEHIND.get(name, ())


def _leaves_plans(name: Sequence[_Token]) -> bool:
    """Whether a setting is a custom one, or none that plans depend on. `name` are the first tokens of its name."""
    return name[-1].text == "." or leaves_plans(name[0].text)


def _is_for_the_transaction(tokens: Sequence[_Token], opening: int) -> bool:
    """Whether the last argument of a set_config() is the constant true."""
    depth = 0
    for place in range(opening, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[place].text, 0)
        if depth == 0:
            return [token.text for token in tokens[place - 2 : place]] == [",", "true"]
    return False
