"""Code in the database that queries run without naming it, in triggers, defaults, checks, views, operators, ….

What it leaves behind in a session can't be known from the query. So the catalog is asked whether any of it may
leave something behind; if so, connections are reset after each such use. The same question tells which settings are
stored for sessions to come. The answer is as old as it is, and code may be made meanwhile:
`OriginConnection.prepare_for` keeps clients apart whatever it says.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from wrangler_py.sql.function_body import SESSION_FUNCTIONS, leaves_nothing_behind, writes

if TYPE_CHECKING:
    from wrangler_py.session.sql_text import SQLText

TRUSTED_FOR_S = 10.0
"""How long an answer holds."""
MAX_BODIES_BYTES = 200_000
"""How long all bodies of functions may be to be looked at; if longer, they count as leaving something behind."""

_NAMES = ", ".join(f"'{name}'" for name in sorted(SESSION_FUNCTIONS))
CATALOG_QUERY = f"""
SET LOCAL search_path = pg_catalog, pg_temp;
WITH RECURSIVE session_functions AS (
    SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname IN ({_NAMES})
), calls(expression, runs_on_read) AS (
    SELECT adbin::text, false FROM pg_attrdef
    UNION ALL SELECT conbin::text, contypid <> 0 FROM pg_constraint
    UNION ALL SELECT tgqual::text, false FROM pg_trigger
    UNION ALL SELECT polqual::text, true FROM pg_policy
    UNION ALL SELECT polwithcheck::text, true FROM pg_policy
    UNION ALL SELECT indexprs::text, true FROM pg_index WHERE indexrelid >= 16384
    UNION ALL SELECT indpred::text, true FROM pg_index WHERE indexrelid >= 16384
    UNION ALL SELECT ev_action::text, true FROM pg_rewrite WHERE oid >= 16384
), uses(function, runs_on_read) AS (
    SELECT refobjid, bool_or(
        classid NOT IN ('pg_attrdef'::regclass, 'pg_trigger'::regclass, 'pg_event_trigger'::regclass)
    )
    FROM pg_depend
    WHERE refclassid = 'pg_proc'::regclass AND classid <> 'pg_proc'::regclass AND refobjid >= 16384
    GROUP BY refobjid
    UNION
    SELECT function.oid, true FROM pg_proc AS function
    WHERE pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
        AND (
            EXISTS (
                SELECT FROM pg_proc AS builtin
                WHERE builtin.proname = function.proname AND builtin.pronamespace = 'pg_catalog'::regnamespace
            )
            OR pronargs >= 1 AND pronargs - pronargdefaults - (provariadic <> 0)::int <= 1
                AND (
                    proargtypes[0] >= 16384
                    OR EXISTS (SELECT FROM pg_type AS t WHERE t.oid = proargtypes[0] AND typtype IN ('c', 'd', 'p'))
                )
        )
), reached(function, runs_on_read) AS (
    SELECT function, runs_on_read FROM uses
    UNION
    SELECT refobjid, runs_on_read FROM reached
    JOIN pg_depend ON classid = 'pg_proc'::regclass AND objid = function AND refclassid = 'pg_proc'::regclass
    WHERE refobjid >= 16384
), own(body, runs_on_read) AS (
    SELECT CASE
        WHEN prokind = 'a' THEN 'SELECT'
        WHEN lanname IN ('sql', 'plpgsql') AND prosrc <> '' THEN prosrc
    END, runs_on_read
    FROM reached JOIN pg_proc AS function ON function.oid = reached.function
    JOIN pg_language AS language ON language.oid = prolang
    WHERE NOT EXISTS (
        SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = function.oid AND deptype = 'e'
    )
)
SELECT CASE WHEN sum(length(body)) OVER () <= {MAX_BODIES_BYTES} THEN body END, runs_on_read, 'f'
FROM (
    SELECT body, runs_on_read FROM own
    UNION ALL
    SELECT NULL, runs_on_read FROM calls
    WHERE expression ~ (
        SELECT ':funcid (' || string_agg(oid::text, '|') || ') ' FROM session_functions
        WHERE oid <> 'nextval(regclass)'::regprocedure
    )
    UNION ALL
    SELECT NULL, true FROM (
        SELECT oprcode::oid AS function FROM pg_operator WHERE oid >= 16384
        UNION ALL SELECT castfunc FROM pg_cast WHERE oid >= 16384
        UNION ALL SELECT aggtransfn::oid FROM pg_aggregate WHERE aggfnoid::oid >= 16384
        UNION ALL SELECT aggfinalfn::oid FROM pg_aggregate WHERE aggfnoid::oid >= 16384
    ) AS behind_a_name WHERE function IN (SELECT oid FROM session_functions)
) AS code
UNION ALL
SELECT NULL, bool_or(runs_on_read), 't' FROM (
    SELECT runs_on_read FROM calls WHERE expression ~ (':funcid ' || 'nextval(regclass)'::regprocedure::oid || ' ')
    UNION ALL SELECT false FROM pg_attribute WHERE attrelid >= 16384 AND attidentity <> ''
) AS sequences HAVING count(*) > 0
UNION ALL
SELECT string_agg(concat_ws(' ', setdatabase, setrole, setconfig), ' ' ORDER BY setdatabase, setrole), false, 's'
FROM pg_db_role_setting
WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    AND setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = session_user))
"""  # noqa: S608  # names of our own
"""For each function of one's own that is run so: its body, NULL if that can't be looked at, and whether queries
that only read run it; then the same for sequences; last, the settings that are stored for sessions to come.
Functions of extensions are trusted. Those that a query's text doesn't tell from PostgreSQL's own, or from a column,
count as run by any query."""


class StoredCode:
    """What one pool knows of the code in its database.

    `on_read` and `on_write`: what only reads, or writes too, may run some that leaves something behind. `wanted`:
    the catalog should be asked again. `defaults_changed`: since it was asked before, somebody has changed the
    settings of sessions that begin later.
    """

    def __init__(self) -> None:
        self.wanted = True
        self.is_harmless = False
        """Whatever runs, none of it leaves anything behind."""
        self.on_read = True
        self.on_write = True
        self._sequence_on_read = True
        self._sequence_on_write = True
        """Likewise, it may take a number from a sequence, which lastval() then tells."""
        self._generation = 0
        self._was_harmless = False
        self._known_until: float | None = None
        self.defaults_changed = False
        self._defaults_are_known = False
        self._defaults: str | None = None

    def forget(self) -> None:
        """The schema has changed, or may have."""
        self._take_to_leave_something()
        self._generation += 1
        self._known_until = None

    def defaults_noted(self) -> None:
        """Everybody knows that sessions to come have other settings than before."""
        self.defaults_changed = self._defaults_are_known = False

    def grow_old(self) -> None:
        """Called every now and then: others make triggers, too, of whom nothing is seen here."""
        if self._known_until is not None and monotonic() > self._known_until:
            self._take_to_leave_something()
            self._known_until = None

    def _take_to_leave_something(self) -> None:
        self.on_read = self.on_write = self._sequence_on_read = self._sequence_on_write = self.wanted = True
        self.is_harmless = False

    def may_be_run_by(self, text: SQLText) -> bool:
        """Whether `text` may run code that leaves something behind."""
        return self.on_read or (self.on_write and text.runs_stored_code)

    def may_use_sequence(self, text: SQLText) -> bool:
        """Whether `text` may take a number from a sequence that it doesn't name."""
        return self._sequence_on_read or (self._sequence_on_write and text.runs_stored_code)

    def begin_look_up(self) -> int:
        """CATALOG_QUERY is about to be sent; gives what `end_look_up` wants back."""
        self.wanted = False
        return self._generation

    def end_look_up(self, generation: int, rows: list[list[str | None]] | None, *, lost: bool) -> bool:
        """`rows` are the answer to CATALOG_QUERY, None for an error; `lost`: there was none.

        Gives whether there is code by now that leaves something behind, and there was none when it was last known.
        """
        if lost:
            self.wanted = True
            return False
        if generation != self._generation:
            return False
        self._learn(rows)
        self._known_until = monotonic() + TRUSTED_FOR_S
        was_harmless, self._was_harmless = self._was_harmless, not self.on_write
        return was_harmless and self.on_write

    def _learn(self, rows: list[list[str | None]] | None) -> None:
        """`rows` are None where the server can't say: then each use is followed by a reset."""
        self.on_read = self.on_write = self._sequence_on_read = self._sequence_on_write = rows is None
        for body, runs_on_read, kind in rows or ():
            if kind == "s":
                self._learn_defaults(body)
            elif kind == "t":
                self._sequence_on_write = True
                self._sequence_on_read = self._sequence_on_read or runs_on_read == "t"
            elif body is None or not leaves_nothing_behind(body):
                self.on_write = True
                self.on_read = self.on_read or runs_on_read == "t"
            elif runs_on_read == "t" and writes(body):
                self._sequence_on_read = True
        self.is_harmless = not (self.on_read or self.on_write or self._sequence_on_read or self._sequence_on_write)

    def _learn_defaults(self, defaults: str | None) -> None:
        self.defaults_changed = self._defaults_are_known and defaults != self._defaults
        self._defaults_are_known = True
        self._defaults = defaults
