"""Which octets of a client are taken for one ordinary query, without being cut into messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.session_shell import ShellClient

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend import FrontendReader
from wrangler_py.pgwire.frontend_kinds import BIND, DESCRIBE, EXECUTE, PARSE, QUERY, SYNC
from wrangler_py.session.settings import SessionSettings
from wrangler_py.session.shared import SharedState
from wrangler_py.session.translation.ordinary_query import recognise

SQL = b"SELECT $1::text"
PARSE_UNNAMED = messages.parse(b"", SQL + b"\0\0\0")
EXECUTE_AND_SYNC = messages.execute(b"") + messages.SYNC
DESCRIBE_AND_EXECUTE = messages.describe_portal(b"") + EXECUTE_AND_SYNC
WHOLE = ([BIND, EXECUTE, SYNC], [BIND, DESCRIBE, EXECUTE, SYNC])

values = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [EXECUTE_AND_SYNC, DESCRIBE_AND_EXECUTE, b"\0\0" + DESCRIBE_AND_EXECUTE, EXECUTE_AND_SYNC[:-1]]
    ),
)
messages_of_a_client = st.one_of(
    st.builds(messages.bind, st.sampled_from([b"", b"c"]), st.sampled_from([b"", b"s", b"other"]), values),
    st.sampled_from([
        PARSE_UNNAMED, messages.parse(b"s", SQL + b"\0\0\0"), messages.describe_portal(b""),
        messages.describe_portal(b"c"), messages.describe_statement(b"s"), messages.execute(b""),
        messages.execute(b"", 1), messages.execute(b"c"), messages.SYNC, messages.FLUSH,
        messages.query(SQL), messages.query(b"BEGIN"),
    ]),
)  # fmt: skip


def client_with_a_statement() -> ShellClient:
    """A client that has prepared SQL as `s`, and has seen its columns, as well as those of the unnamed one."""
    shared = SharedState("HYPERDRIVE")
    client = ShellClient(shared, SessionSettings({}, {}))
    session, statements = client.session, shared.statements
    for name, message in ((b"s", messages.parse(b"s", SQL + b"\0\0\0")), (b"", PARSE_UNNAMED)):
        statement = statements.parsed(message, session.settings)[1]
        statement.learn_rows(messages.NO_DATA)
        session.statements.put(name, statement)
    session.is_told_columns()
    return client


@given(st.lists(messages_of_a_client, min_size=1, max_size=5).map(b"".join))
def test_only_whole_ordinary_queries_are_recognised(data: bytes) -> None:
    client = client_with_a_statement()
    query = recognise(client.session, data)
    if query is None:
        return
    pieces = FrontendReader().receive(data)
    kinds = [kind for kind, _, missing in pieces if not missing]
    assert query.pieces() == pieces
    if kinds == [QUERY]:
        assert query.run.sql == data[5:-1] == SQL
        assert query.sent == data
        return
    parses = kinds[0] == PARSE
    bind, *rest = pieces[parses:]
    assert [kind for kind, _, _ in (bind, *rest)] in WHOLE
    portal, name, position = messages.split_bind(bind[1])
    values = bind[1][position:]
    assert portal == b""
    assert parses != bool(name)
    assert b"".join(message for _, message, _ in rest) in (EXECUTE_AND_SYNC, DESCRIBE_AND_EXECUTE)
    assert query.run.bind == values
    sent = FrontendReader().receive(query.sent)
    if name:
        assert query.statement is not None
        assert sent[0][1] == messages.bind(b"", query.statement.name, values)
        assert sent[1:] == rest
    else:
        assert sent == pieces


@given(values)
def test_an_ordinary_query_is_recognised_whatever_its_values(value: bytes) -> None:
    client = client_with_a_statement()
    for name in (b"s", b""):
        for end in (EXECUTE_AND_SYNC, DESCRIBE_AND_EXECUTE):
            data = (b"" if name else PARSE_UNNAMED) + messages.bind(b"", name, value) + end
            query = recognise(client.session, data)
            assert query is not None
            assert query.run.bind == value


@given(st.binary(min_size=1, max_size=60))
def test_recognising_survives_anything(data: bytes) -> None:
    recognise(client_with_a_statement().session, data)
