"""Statements that define objects: which tables they write, and which objects are temporary."""

from __future__ import annotations

from collections.abc import Callable

from wrangler_py.sql.facts import SessionEffect
from wrangler_py.sql.parse_tree import Node
from wrangler_py.sql.statement_builder import Draft
from wrangler_py.sql.tables import table_name
from wrangler_py.sql.tree_facts import is_temporary_schema, strings

Handler = Callable[[Draft, Node], None]

CASCADE = "DROP_CASCADE"

_DROPPED_RELATIONS = {
    "OBJECT_FOREIGN_TABLE",
    "OBJECT_INDEX",
    "OBJECT_MATVIEW",
    "OBJECT_SEQUENCE",
    "OBJECT_TABLE",
    "OBJECT_VIEW",
}


def define(statement: Draft, fields: Node) -> None:
    """Something is defined; in a temporary schema it goes with the session."""
    statement.changes_schema = True
    for field in ("funcname", "typeName", "domainname", "defnames"):
        name = fields.get(field)
        if isinstance(name, list) and is_temporary_schema(next(iter(strings(name)), None)):
            statement.tree.effects |= SessionEffect.TEMP_TABLE


def _composite_type(statement: Draft, fields: Node) -> None:
    statement.changes_schema = True
    if is_temporary_schema(fields["typevar"].get("schemaname")):
        statement.tree.effects |= SessionEffect.TEMP_TABLE


def _create(statement: Draft, fields: Node) -> None:
    if "base" in fields:  # CREATE FOREIGN TABLE
        fields = fields["base"]
    relation = fields.get("relation") or fields.get("view") or fields.get("sequence")
    if relation is not None:
        statement.tree.creates(relation, fields.get("oncommit"))


def _create_table_as(statement: Draft, fields: Node) -> None:
    into = fields["into"]
    statement.tree.creates(into["rel"], into.get("onCommit"))
    statement.tree.walk(fields["query"])


def _create_schema(statement: Draft, fields: Node) -> None:
    statement.changes_schema = True
    for element in fields.get("schemaElts", []):
        for name in ("CreateStmt", "ViewStmt", "CreateSeqStmt"):
            if name in element:
                _create(statement, element[name])


def _alter_table(statement: Draft, fields: Node) -> None:
    """Defaults and USING expressions run over the rows."""
    statement.changes_schema = True
    statement.tree.write(fields["relation"])
    statement.tree.walk(fields["cmds"])


def _index(statement: Draft, fields: Node) -> None:
    """Its expressions run over the rows, which stay what they are."""
    statement.changes_schema = True
    statement.tree.walk([fields.get("indexParams", []), fields.get("whereClause", {})])


def _create_database(statement: Draft, fields: Node) -> None:
    """No client may be connected to the template."""
    for option in fields.get("options", []):
        if option["DefElem"]["defname"] == "template":
            template = option["DefElem"].get("arg", {}).get("String", {}).get("sval")
            statement.databases = frozenset([template] if template else [])


def _drop_database(statement: Draft, fields: Node) -> None:
    statement.databases = statement.drops_databases = frozenset([fields["dbname"]])


def _alter_database(statement: Draft, fields: Node) -> None:
    """No client may be connected while it moves to another tablespace."""
    if any(option["DefElem"]["defname"] == "tablespace" for option in fields.get("options", [])):
        statement.databases = frozenset([fields["dbname"]])


def _rename(statement: Draft, fields: Node) -> None:
    statement.changes_schema = True
    if fields["renameType"] == "OBJECT_DATABASE":
        statement.databases = statement.drops_databases = frozenset([fields["subname"]])
    if "relation" in fields:
        relation = fields["relation"]
        statement.tree.write(relation)
        if fields["renameType"] in _DROPPED_RELATIONS:
            statement.tree.write({**relation, "relname": fields["newname"]})


def _move_to_schema(statement: Draft, fields: Node) -> None:
    statement.changes_schema = True
    if "relation" in fields:
        relation = fields["relation"]
        statement.tree.write(relation)
        statement.tree.write({**relation, "schemaname": fields["newschema"]})


def _alter_enum(statement: Draft, fields: Node) -> None:
    """A renamed value reads differently in every table that has it."""
    statement.changes_schema = True
    statement.tree.writes_unknown = "oldVal" in fields


def _drop(statement: Draft, fields: Node) -> None:
    statement.changes_schema = True
    kind = fields["removeType"]
    if kind in _DROPPED_RELATIONS:
        for dropped in fields["objects"]:
            names = strings(dropped["List"]["items"])
            statement.tree.written.add(table_name(names[-2] if len(names) > 1 else None, names[-1]))
    statement.tree.writes_unknown = fields.get("behavior") == CASCADE or kind in (
        "OBJECT_SCHEMA",
        "OBJECT_EXTENSION",
    )


def _unknown_tables(statement: Draft, fields: Node) -> None:
    statement.changes_schema = True
    statement.tree.writes_unknown = True


DDL_HANDLERS: dict[str, Handler] = {
    "AlterDatabaseStmt": _alter_database,
    "AlterEnumStmt": _alter_enum,
    "AlterObjectSchemaStmt": _move_to_schema,
    "AlterTableStmt": _alter_table,
    "CompositeTypeStmt": _composite_type,
    "CreateForeignTableStmt": _create,
    "CreateSchemaStmt": _create_schema,
    "CreateSeqStmt": _create,
    "CreateStmt": _create,
    "CreateTableAsStmt": _create_table_as,
    "CreatedbStmt": _create_database,
    "DropOwnedStmt": _unknown_tables,
    "DropStmt": _drop,
    "DropdbStmt": _drop_database,
    "ImportForeignSchemaStmt": _unknown_tables,
    "IndexStmt": _index,
    "RenameStmt": _rename,
    "ViewStmt": _create,
}
"""By the name of the node; any other that defines something is for `define`."""
