"""Random conversations of three clients over a pool of two, compared message for message with direct connections.

Each client has a connection through the proxy, and one straight to a second database with the same contents. What
transaction pooling drops at the end of a transaction is dropped there too, by `RESET`: so the answers have to be
the same.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
from support.differential_pieces import (
    BODIES,
    CHANGE,
    CLIENTS,
    ELSEWHERE,
    GRANTS,
    RESTART,
    SCHEMA,
    SHAPES,
    Conversation,
    Subject,
    Unit,
)
from support.isolation_database import create_database
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, pool_config, wait_until
from support.raw_client import SYNC, Message, RawClient, bind, close, execute, parse, query

from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.hyperdrive.config import Caching

OURS, DIRECT = "differential_ours", "differential_direct"
LIMIT = 2
TURNS = 60
"""In each round."""
IDLE = b"I"

TOLD = ("TimeZone", "DateStyle", "IntervalStyle", "standard_conforming_strings", "client_encoding")
"""Settings of which a server tells its clients."""

RESET = [
    "CLOSE ALL",
    "SET SESSION AUTHORIZATION DEFAULT",
    "RESET ROLE",
    "RESET ALL",
    "SELECT pg_advisory_unlock_all(), setseed({seed})",
    "DISCARD TEMP",
    "DISCARD SEQUENCES",
    "DO $$DECLARE name text; BEGIN FOR name IN SELECT p.name FROM pg_prepared_statements AS p WHERE from_sql "
    "LOOP EXECUTE format('DEALLOCATE %I', name); END LOOP; END$$",
]


@dataclass
class Figures:
    """What was done and found. `differences` tell how to do it again."""

    rounds: int = 0
    turns: int = 0
    compared: Counter[str] = field(default_factory=Counter)
    """Groups of messages, by what they are."""
    not_compared: int = 0
    ended_in: Counter[str] = field(default_factory=Counter)
    """Groups by the state after them: idle, in a transaction, in a failed one."""
    waited: int = 0
    """Turns of a client for which there was no connection at first."""
    made_elsewhere: int = 0
    hits: int = 0
    differences: list[str] = field(default_factory=list)


class DifferenceError(Exception):
    """An answer is not that of the direct connection."""


class Pair:
    """A client: its connection through the proxy, its direct one, and what it says."""

    def __init__(
        self,
        number: int,
        ours: RawClient,
        direct: RawClient,
        conversation: Conversation,
        settings: dict[str, str],
    ) -> None:
        self.number = number
        self.ours = ours
        self.direct = direct
        self.conversation = conversation
        self.status = IDLE
        self.settings = settings
        self.ran_code = False
        """What is stored in the database may have changed its session, unnoticed by the proxy."""
        self._changed = False
        """The direct session is to be reset at the end of its transaction."""

    def send(self, units: list[Unit]) -> None:
        if len(units) == 1 or not any(len(unit.parts) > 1 for unit in units):
            parts = units[0].parts if len(units) == 1 else [b"".join(unit.parts[0] for unit in units)]
        else:
            parts = [part for unit in units for part in unit.parts]
        for part in parts:
            self.ours.send(part)

    def compare(self, units: list[Unit], figures: Figures) -> None:
        """Hears what was sent, and says the same directly. Raises DifferenceError."""
        for position, unit in enumerate(units):
            ours = self._heard(self.ours)
            self.direct.send(*unit.parts)
            direct = self._heard(self.direct)
            self.status = direct[-1].body
            self._changed = self._changed or unit.session
            if self._changed and self.status == IDLE:
                self._reset()
            if unit.loose:
                figures.not_compared += 1
            else:
                figures.compared[unit.kind] += 1
                figures.ended_in[self.status.decode()] += 1
                if ours != direct:
                    raise DifferenceError(
                        f"client {self.number}, group {position + 1} of {[u.text for u in units]}\n"
                        f"    through the proxy: {shown(ours)}\n    directly:          {shown(direct)}"
                    )

    def compare_parameters(self) -> None:
        """What the client was told of settings, which may come behind the end of a transaction."""
        told = []
        for client in (self.ours, self.direct):
            client.ask(query("SELECT 'all is told'"))
            told.append({name: client.parameters[name] for name in TOLD})
        if told[0] != told[1]:
            raise DifferenceError(f"client {self.number} was told {told[0]}, directly {told[1]}")

    def _heard(self, client: RawClient) -> list[Message]:
        return [comparable(answer) for answer in client.until("Z") if answer.kind != "S"]

    def _reset(self) -> None:
        """In extended queries, so that the unnamed statement stays."""
        self._changed = False
        seed = random.uniform(-1, 1)
        for reset in RESET:
            name, sql = "reset of the test", reset.replace("{seed}", str(seed))
            sent = parse(name, sql) + bind("", name) + execute() + close("S", name) + SYNC
            answers = self.direct.ask(sent)
            assert not [answer for answer in answers if answer.kind == "E"], answers

    def close(self) -> None:
        self.ours.close()
        self.direct.close()


class Differential:
    """Makes the databases and a proxy; `run_round` as often as wanted, then `close`."""

    def __init__(self, postgres: PostgresServer, *, cached: bool, seed: int) -> None:
        self.figures = Figures()
        self._postgres = postgres
        self._cached = cached
        self._seed = seed
        self._trusted: object = None
        """What the proxy knew of stored code when that was last changed behind its back."""
        self._databases: list[psycopg.Connection[object]] = []
        for name in (OURS, DIRECT):
            create_database(postgres, name)
            postgres.execute(SCHEMA + GRANTS, database=name)
        origin = origin_of(postgres, database=OURS)
        self._proxy = ProxyServer(pool_config(origin, caching=Caching(disabled=not cached), connection_limit=LIMIT))
        for name in (OURS, DIRECT):
            connection = postgres.connect(user=postgres.superuser, database=name, autocommit=True)
            connection.execute("SET lock_timeout = '20s'")
            self._databases.append(connection)
        row = self._databases[1].execute("SELECT setseed(0.42)").execute("SELECT random()::text").fetchone()
        assert row is not None
        self._seeded = f"{row[0]}::float8"  # type: ignore[index]

    def run_round(self, number: int) -> None:
        """Round `number` of this seed. A difference ends it, and is among the figures then."""
        pick = random.Random(f"{self._seed} {number} {self._cached}")
        self._everywhere(f"{RESTART} {SHAPES[0]}")
        subject = Subject(pick)
        if pick.random() < 0.5:
            self._everywhere(f"{CHANGE.format(BODIES[subject.bodies[0]])}; {ELSEWHERE['callers'][1]}")
        self._everywhere(subject.wanted(pick))
        self._proxy.call(self._proxy.proxy.pools[BINDING].schema_changed)  # it learns what is stored now
        pairs = [self._connect(n, pick, subject) for n in range(CLIENTS)]
        log: list[str] = []
        try:
            self._converse(pairs, pick, subject, log)
        except (DifferenceError, TimeoutError, EOFError) as error:
            caching = "with caching" if self._cached else "without caching"
            story = "".join(f"\n    {line}" for line in log[-12:])
            self.figures.differences.append(
                f"seed {self._seed}, round {number}, {caching}: {type(error).__name__} {error}\n"
                f"  what came before:{story}"
            )
        finally:
            for pair in pairs:
                pair.close()
        self.figures.rounds += 1
        counts = self._proxy.proxy.pools[BINDING].caching.counts
        self.figures.hits = self._proxy.call(lambda: counts.by_status[CacheStatus.HIT])

    def close(self) -> None:
        self._proxy.close()
        for connection in self._databases:
            connection.close()
        for name in (OURS, DIRECT):
            self._postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _connect(
        self, number: int, pick: random.Random, subject: Subject, settings: dict[str, str] | None = None
    ) -> Pair:
        settings = pick.choice(subject.startups) if settings is None else settings
        server = self._postgres
        ours = RawClient(self._proxy.proxy.port, user=BINDING, password=PASSWORD, database=OURS, settings=settings)
        direct = RawClient(
            server.port, user=server.user, password=server.user_password, database=DIRECT, settings=settings
        )
        return Pair(number, ours, direct, Conversation(number, pick, subject, self._seeded), settings)

    def _converse(self, pairs: list[Pair], pick: random.Random, subject: Subject, log: list[str]) -> None:
        pending: tuple[Pair, list[Unit]] | None = None
        for _ in range(TURNS):
            holders = [pair for pair in pairs if pair.status != IDLE]
            if pending is None and pick.random() < 0.1:
                log.append(self._make_elsewhere(pick, subject, quiet=not holders))
            pair = pick.choice(holders if pending is not None else pairs)
            if (
                pending is None
                and pick.random() < 0.02
                and len([other for other in holders if other is not pair]) < LIMIT
            ):
                log.append(f"client {pair.number} leaves, and another comes")
                pair.close()
                holders = [other for other in holders if other is not pair]
                pairs[pairs.index(pair)] = pair = self._connect(pair.number, pick, subject)
            units = pair.conversation.turn(inside=pair.status != IDLE, alone=pending is not None)
            log.append(f"client {pair.number}: {[unit.text for unit in units]}")
            self.figures.turns += 1
            pair.send(units)
            if pair.status == IDLE and len(holders) == LIMIT:
                pending = pair, units
                self.figures.waited += 1
                log.append("  which waits")
                continue
            self._compare(pair, units)
            if pending is not None and pair.status == IDLE:
                log.append(f"  and so client {pending[0].number} goes on")
                self._compare(*pending)
                pending = None
            for position, one in enumerate(pairs):
                if one.ran_code and one.status == IDLE and pending is None:
                    log.append(f"client {one.number} may find what it has left itself: it leaves")
                    one.close()
                    pairs[position] = self._connect(one.number, pick, subject, one.settings)
        self._part(pairs, pending)

    def _compare(self, pair: Pair, units: list[Unit]) -> None:
        pair.compare(units, self.figures)
        if self._trusted == self._trusts() and any(unit.kind in ("code in the database", "copy") for unit in units):
            pair.ran_code = True

    def _trusts(self) -> object:
        """What changes when the proxy forgets what it knows of stored code, or learns it anew."""
        known = self._proxy.proxy.pools[BINDING].stored_code
        return known._generation, known._known_until  # noqa: SLF001 - nothing else tells when it was learned

    def _part(self, pairs: list[Pair], pending: tuple[Pair, list[Unit]] | None) -> None:
        """All end their transactions, and are told of the settings as they were at first."""
        end = Unit("transaction control", [query("ROLLBACK")], "ROLLBACK")
        for pair in sorted(pairs, key=lambda pair: pair.status == IDLE):
            if pair.status == IDLE and pending is not None:
                pending[0].compare(pending[1], self.figures)
                pending = None
            pair.send([end])
            pair.compare([end], self.figures)
        for pair in pairs:
            pair.compare_parameters()

    def _make_elsewhere(self, pick: random.Random, subject: Subject, *, quiet: bool) -> str:
        """Changes what is stored in the database, over a second connection.

        The proxy goes on trusting what it knows of it for a while. Until it asks again, a client may find in its
        session what it has left there itself; nobody else may.
        """
        connections = self._proxy.proxy.pools[BINDING].connections
        wait_until(lambda: not any(connection.stream.queue for connection in list(connections)))
        choice = pick.random()
        if choice < 0.4 or not quiet:
            kind = pick.choice(subject.bodies)
            sql = CHANGE.format(BODIES[kind])
            told = f"change() replaced: {kind}"
        elif choice < 0.5:
            sql = told = pick.choice(SHAPES)
        elif choice < 0.65:
            sql = told = subject.wanted(pick)
        else:
            kind = pick.choice(subject.elsewhere)
            off, on = ELSEWHERE[kind]
            sql = off if pick.random() < 0.4 else f"{off}; {on}"
            told = f"{kind}: {sql}"
        try:
            self._everywhere(sql)
        except psycopg.errors.InsufficientPrivilege:  # of the change() that it calls, while an index is made
            self._everywhere("DROP INDEX IF EXISTS predicate")
        [row] = self._databases[0].execute("SELECT prosrc FROM pg_proc WHERE proname = 'change'").fetchall()
        if "PREPARE" in str(row):
            # A reset keeps prepared statements, unless something is known to run that may make some.
            self._proxy.call(self._proxy.proxy.pools[BINDING].schema_changed)
        self._trusted = self._trusts()
        self.figures.made_elsewhere += 1
        return f"elsewhere: {told}"

    def _everywhere(self, sql: str) -> None:
        for connection in self._databases:
            connection.execute(sql.encode())


def run(
    postgres: PostgresServer,
    *,
    seed: int,
    cached: bool,
    rounds: int | None = None,
    minutes: float | None = None,
    first: int = 0,
    progress: Callable[[Figures], None] = lambda figures: None,
) -> Figures:
    """So many rounds, or as many as there is time for."""
    differential = Differential(postgres, cached=cached, seed=seed)
    began = time.monotonic()
    try:
        number = first
        while (rounds is None or number < first + rounds) and (
            minutes is None or time.monotonic() - began < minutes * 60
        ):
            differential.run_round(number)
            progress(differential.figures)
            number += 1
    finally:
        differential.close()
    return differential.figures


def comparable(answer: Message) -> Message:
    """Without what differs from database to database: OIDs of tables, and places in the server's source."""
    if answer.kind == "T":
        columns = answer.body[2:]
        shown = answer.body[:2]
        while columns:
            end = columns.index(0) + 1
            shown += columns[:end] + bytes(4) + columns[end + 4 : end + 6] + bytes(4) + columns[end + 10 : end + 18]
            columns = columns[end + 18 :]
        return Message("T", shown)
    if answer.kind in "EN":
        fields = {name: value for name, value in answer.fields.items() if name not in "FLR"}
        return Message(answer.kind, repr(fields).encode())
    return answer


def shown(answers: list[Message]) -> str:
    return ", ".join(f"{answer.kind} {answer.body[:200]!r}" for answer in answers)
