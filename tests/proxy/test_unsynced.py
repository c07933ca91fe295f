"""Messages that neither Sync nor Flush follows are run as they come: what a server says at once, clients hear."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, pool_config
from support.raw_client import SYNC, Message, RawClient, bind, close, describe, execute, parse, query

from wrangler_py.hyperdrive.config import Caching
from wrangler_py.pgwire.frontend_kinds import PARSE
from wrangler_py.pgwire.messages import message

MANY = "SELECT repeat('x', 100) FROM generate_series(1, 1000)"
FAILS = "SELECT 1 / zero FROM (SELECT 0 AS zero) AS nothing"
BEGIN = query("BEGIN")
END = SYNC + query("ROLLBACK") + query("SELECT 'end'")


def one(sql: str, name: str = "") -> bytes:
    return parse(name, sql) + bind("", name) + execute()


Turn = tuple[bytes, str]
"""What is sent, and the kinds of message that a server says without being sent anything more."""

UNSYNCED: dict[str, list[Turn]] = {
    "an error": [(one(FAILS), "E"), (END, "ZZZ")],
    "an error behind a query": [(one("SELECT 1") + one(FAILS), "E"), (END, "ZZZ")],
    "an error in Parse": [(parse("", "SELECT nonsense"), "E"), (END, "ZZZ")],
    "an error in a named Parse": [(parse("a", "SELECT nonsense"), "E"), (END, "ZZZ")],
    "an error in Bind": [(parse("a", "SELECT $1::int") + bind("", "a", [b"x"]), "E"), (END, "ZZZ")],
    "no such statement": [(bind("", "never"), "E"), (END, "ZZZ")],
    "no such portal": [(describe("P", "never"), "E"), (END, "ZZZ")],
    "messages one by one": [
        (parse("a", "SELECT $1::int"), ""),
        (bind("", "a", [b"1"]), ""),
        (execute(), ""),
        (bind("", "a", [b"x"]), "E"),
        (END, "ZZZ"),
    ],
    "many rows": [(one(MANY), "D"), (END, "ZZZ")],
    "many rows, twice": [(one(MANY) + one(MANY), "DC"), (END, "ZZZ")],
    "many rows of a named statement": [(one(MANY, "a") + close("S", "a") + one(MANY, "a"), "DC"), (END, "ZZZ")],
    "many rows in part": [(parse("", MANY) + bind() + execute("", 500) + execute("", 400), "Ds"), (END, "ZZZ")],
    "many rows with their columns": [(parse("", MANY) + bind() + describe("P") + execute(), "TD"), (END, "ZZZ")],
    "what comes behind an error": [
        (one(FAILS), "E"),
        (one("SELECT 'skipped'"), ""),
        (one(MANY), ""),
        (SYNC + one("SELECT 'run'") + END, "ZZZZ"),
    ],
    "Parse only, used later": [
        (parse("a", "SELECT 'a'"), ""),
        (parse("b", "SELECT 'b'"), ""),
        (SYNC, "Z"),
        (bind("", "a") + execute() + bind("", "b") + execute() + SYNC, "Z"),
        (END, "ZZZ"),
    ],
    "Sync much later": [
        (one("SELECT 1"), ""),
        (one("SELECT 2", "a"), ""),
        (describe("S", "a"), ""),
        (close("S", "a"), ""),
        (SYNC, "Z"),
        (bind("", "a") + SYNC, "Z"),
        (END, "ZZZ"),
    ],
    "a simple query behind it": [(one("SELECT 1"), ""), (query("SELECT 2") + END, "ZZZZ")],
    "a transaction begun so": [
        (one("BEGIN") + one("SELECT 1"), ""),
        (one(FAILS), "E"),
        (SYNC, "Z"),
        (one("SELECT 'skipped'"), "E"),
        (END, "ZZZ"),
    ],
    "a transaction ended so": [
        (query("BEGIN"), "Z"),
        (one("COMMIT") + one(MANY), "CD"),
        (one("SELECT 'still not synced'") + one(FAILS), "E"),
        (END, "ZZZ"),
    ],
    "a deallocate": [
        (parse("a", "SELECT 1") + SYNC, "Z"),
        (one("DEALLOCATE a") + bind("", "a"), "E"),
        (END, "ZZZ"),
    ],
    "what is refused nowhere": [(one("DEALLOCATE never"), "E"), (END, "ZZZ")],
}


@pytest.fixture(scope="module", params=[False, True], ids=["uncached", "cached"])
def proxy(request: pytest.FixtureRequest, postgres: PostgresServer) -> Iterator[ProxyServer]:
    config = pool_config(origin_of(postgres), caching=Caching(disabled=not request.param), connection_limit=1)
    server = ProxyServer(config)
    yield server
    server.close()


def through(proxy: ProxyServer) -> RawClient:
    return RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD)


def heard(client: RawClient, turns: list[Turn]) -> list[Message]:
    answers = []
    for sent, awaited in turns:
        client.send(sent)
        for kind in awaited:
            answers += client.until(kind)
    return [Message("E", answer.sqlstate.encode()) if answer.kind == "E" else answer for answer in answers]


@pytest.mark.parametrize("ahead", [[], [(BEGIN, "Z")]], ids=["alone", "in a transaction"])
@pytest.mark.parametrize("name", UNSYNCED)
def test_notices_of_the_server_reach_the_client_at_once(
    name: str, ahead: list[Turn], proxy: ProxyServer, postgres: PostgresServer
) -> None:
    turns = ahead + UNSYNCED[name]
    with RawClient(postgres.port, user=postgres.user, password=postgres.user_password) as direct:
        expected = heard(direct, turns)
    for _ in range(3):  # what may be stored is stored by then
        with through(proxy) as client:
            assert heard(client, turns) == expected


@pytest.mark.parametrize("name", UNSYNCED)
def test_a_client_that_was_served_before_hears_the_same(
    name: str, proxy: ProxyServer, postgres: PostgresServer
) -> None:
    clean = (query("DEALLOCATE ALL"), "Z")
    with RawClient(postgres.port, user=postgres.user, password=postgres.user_password) as direct:
        expected = heard(direct, [clean, *UNSYNCED[name]])
    with through(proxy) as client:
        for _ in range(2):
            assert heard(client, [clean, *UNSYNCED[name]]) == expected


@pytest.mark.parametrize("sql", ["SELECT 'stored'", MANY, "SELECT 1 WHERE false"])
def test_stored_answers_are_given_without_a_sync(sql: str, proxy: ProxyServer) -> None:
    with through(proxy) as client:
        before = client.ask(one(sql) + SYNC)
        for _ in range(2):
            client.send(one(sql))
            client.send(one(FAILS))
            assert client.until("E")[:-1] == before[:-1] + before[:1]  # it fails in its Bind
            assert [answer.kind for answer in client.ask(SYNC)] == ["Z"]


def test_others_are_served_while_a_client_has_sent_no_sync(proxy: ProxyServer) -> None:
    """Like a transaction that is open, it holds its connection until its Sync."""
    with through(proxy) as client, through(proxy) as other:
        client.send(one("SELECT clock_timestamp() IS NOT NULL") + one(MANY))
        client.until("C")
        other.send(query("SELECT clock_timestamp() IS NOT NULL"))
        client.send(SYNC)
        client.until("Z")
        assert other.until("Z")[1].values == [b"t"]
        client.send(one("SELECT clock_timestamp() IS NOT NULL"))
    with through(proxy) as later:
        assert later.rows("SELECT 'later'") == [[b"later"]]


def test_pieces_of_messages_wait_for_their_rest(proxy: ProxyServer) -> None:
    sent = one("SELECT 'in pieces'", "p") + one(FAILS)
    with through(proxy) as client:
        for octet in sent:
            client.send(bytes([octet]))
        assert client.until("E")[-1].sqlstate == "22012"
        assert client.ask(SYNC)[-1].kind == "Z"


MALFORMED = message(PARSE, b"no end")


@pytest.mark.parametrize(
    "ahead", [b"", query("BEGIN"), one("SELECT 1")], ids=["at once", "in a transaction", "behind a query"]
)
def test_a_malformed_message_ends_the_connection(proxy: ProxyServer, ahead: bytes) -> None:
    client = through(proxy)
    client.send(ahead + MALFORMED)
    while (answer := client.receive()).kind != "E":
        pass
    assert (answer.fields["S"], answer.sqlstate) == ("FATAL", "08P01")
    with pytest.raises(EOFError):
        client.receive()
