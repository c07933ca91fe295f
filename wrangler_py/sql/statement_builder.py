"""One statement on its way from parse tree to facts."""

from __future__ import annotations

from wrangler_py.sql.facts import SessionEffect, StatementFacts
from wrangler_py.sql.tables import is_catalog
from wrangler_py.sql.tree_facts import TreeFacts


class Draft:
    """Filled in by the handler of the statement's node, then `facts`."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.tree = TreeFacts()
        self.changes_schema = False
        self.writes_catalogs = False
        self.target: str | None = None
        self.databases: frozenset[str] = frozenset()
        self.drops_databases: frozenset[str] = frozenset()
        self.chains = False
        self.is_cleanup = False

    def facts(self) -> StatementFacts:
        tree = self.tree
        calls = tree.calls
        if any(not call.builtin for call in calls):
            tree.effects |= SessionEffect.UNKNOWN_FUNCTION
        changes_schema = self.changes_schema or tree.creates_table
        is_query = self.kind in ("select", "values")
        return StatementFacts(
            kind=self.kind,
            why_not_read_only=tree.why_not_read_only or (None if is_query else "is not a query"),
            tables_read=frozenset(tree.read),
            tables_written=frozenset(tree.written),
            writes_unknown=tree.writes_unknown,
            changes_schema=changes_schema,
            writes_catalogs=changes_schema or self.writes_catalogs or any(map(is_catalog, tree.written)),
            effects=tree.effects,
            settings=frozenset(tree.settings),
            target=self.target,
            databases=self.databases,
            drops_databases=self.drops_databases,
            chains=self.chains,
            is_cleanup=self.is_cleanup,
            calls=calls,
        )
