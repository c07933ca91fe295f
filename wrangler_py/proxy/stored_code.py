"""Code in the database that queries run without naming it, in triggers, defaults, checks, views, operators, ….

What it leaves behind in a session can't be known from the query. So the catalog is asked whether any of it may
leave something behind, over a pool's first connection; if so, connections are reset after each such use.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING

from wrangler_py.pgwire import messages
from wrangler_py.proxy.origin import Collector
from wrangler_py.sql.function_body import SESSION_FUNCTIONS, leaves_nothing_behind

if TYPE_CHECKING:
    from wrangler_py.pgwire.exchange import Exchange
    from wrangler_py.proxy.origin import OriginConnection
    from wrangler_py.proxy.query_run import QueryRun

TRUSTED_FOR_S = 10.0
"""How long an answer holds."""
MAX_BODIES_BYTES = 200_000
"""Of functions that are looked at; more of them are taken to leave something behind."""

_NAMES = ", ".join(f"'{name}'" for name in sorted(SESSION_FUNCTIONS))
CATALOG_QUERY = f"""
WITH calls(expression, runs_on_read) AS (
    SELECT adbin::text, false FROM pg_catalog.pg_attrdef
    UNION ALL SELECT conbin::text, contypid <> 0 FROM pg_catalog.pg_constraint
    UNION ALL SELECT tgqual::text, false FROM pg_catalog.pg_trigger
    UNION ALL SELECT polqual::text, true FROM pg_catalog.pg_policy
    UNION ALL SELECT polwithcheck::text, true FROM pg_catalog.pg_policy
    UNION ALL SELECT ev_action::text, true FROM pg_catalog.pg_rewrite WHERE oid >= 16384
), uses(function, runs_on_read) AS (
    SELECT refobjid, bool_or(
        classid NOT IN (
            'pg_catalog.pg_attrdef'::regclass, 'pg_catalog.pg_class'::regclass, 'pg_catalog.pg_trigger'::regclass,
            'pg_catalog.pg_event_trigger'::regclass
        ) AND objid NOT IN (SELECT oid FROM pg_catalog.pg_constraint WHERE conrelid <> 0)
    )
    FROM pg_catalog.pg_depend
    WHERE refclassid = 'pg_catalog.pg_proc'::regclass AND classid <> 'pg_catalog.pg_proc'::regclass
        AND refobjid >= 16384
    GROUP BY refobjid
    UNION ALL
    SELECT function.oid, true FROM pg_catalog.pg_proc AS function
    WHERE pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND prokind <> 'a'
        AND (
            EXISTS (
                SELECT FROM pg_catalog.pg_proc AS builtin
                WHERE builtin.proname = function.proname AND builtin.pronamespace = 'pg_catalog'::regnamespace
            )
            OR pronargs = 1 AND EXISTS (
                SELECT FROM pg_catalog.pg_type WHERE pg_type.oid = proargtypes[0] AND typtype = 'c'
            )
        )
), own(body, runs_on_read) AS (
    SELECT CASE WHEN lanname IN ('sql', 'plpgsql') AND prosrc <> '' THEN prosrc END, runs_on_read
    FROM uses JOIN pg_catalog.pg_proc AS function ON function.oid = uses.function
    JOIN pg_catalog.pg_language AS language ON language.oid = prolang
    WHERE NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend
        WHERE classid = 'pg_catalog.pg_proc'::regclass AND objid = function.oid AND deptype = 'e'
    )
)
SELECT CASE WHEN sum(length(body)) OVER () <= {MAX_BODIES_BYTES} THEN body END, runs_on_read
FROM (
    SELECT body, runs_on_read FROM own
    UNION ALL
    SELECT NULL, runs_on_read FROM calls WHERE expression ~ (
        SELECT ':funcid (' || string_agg(oid::text, '|') || ') ' FROM pg_catalog.pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace AND proname IN ({_NAMES})
    )
) AS code
"""  # noqa: S608  # names of our own
"""For each function of one's own that is run so: its body, NULL if that can't be looked at, and whether queries
that only read run it. Functions of extensions are trusted. Those that a query's text doesn't tell from PostgreSQL's
own, or from a column, count as run by any query."""


class StoredCode:
    """What is known of it for one pool. `on_read` and `on_write`: what only reads, or writes too, may run some that
    leaves something behind. `wanted`: the catalog should be asked again."""

    def __init__(self) -> None:
        self.on_read = True
        self.on_write = True
        self.wanted = True
        self._generation = 0
        self._known_until: float | None = None

    def forget(self) -> None:
        """The schema has changed, or may have."""
        self.on_read = self.on_write = self.wanted = True
        self._generation += 1
        self._known_until = None

    def grow_old(self) -> None:
        """Called every now and then: others make triggers, too, of whom nothing is seen here."""
        if self._known_until is not None and monotonic() > self._known_until:
            self.on_write = self.wanted = True
            self._known_until = None

    def may_have_run(self, queries: Iterable[QueryRun]) -> bool:
        """Whether something was run that may leave something behind: by one of these, which have ended, or by a
        query of the proxy's own."""
        return self.on_read or any(run.text.runs_stored_code for run in queries)

    def look_up(self, connection: OriginConnection) -> None:
        """Asks over `connection`, behind what it is doing."""
        self.wanted = False
        generation = self._generation
        collector = Collector()

        def done(exchange: Exchange) -> None:
            if exchange.error == b"":  # the connection is lost
                self.wanted = True
            elif generation == self._generation:
                self._learn(None if exchange.error is not None else messages.text_rows(collector.data))
                self._known_until = monotonic() + TRUSTED_FOR_S

        connection.run(CATALOG_QUERY, done, collector)

    def _learn(self, rows: list[list[str | None]] | None) -> None:
        """`rows` are None where the server can't say: then each use is followed by a reset."""
        self.on_read = self.on_write = rows is None
        for body, runs_on_read in rows or ():
            if body is None or not leaves_nothing_behind(body):
                self.on_write = True
                self.on_read = self.on_read or runs_on_read == "t"
