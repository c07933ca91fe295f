"""What each kind of statement says, by the name of its node in the parse tree."""

from __future__ import annotations

import re
from collections.abc import Callable

from wrangler_py.sql.facts import SessionEffect, StatementFacts
from wrangler_py.sql.parse_tree import Node
from wrangler_py.sql.tables import table_name
from wrangler_py.sql.tree_facts import TreeFacts, is_temporary_schema, strings

_CURSOR_HOLD = 0x20
"""CURSOR_OPT_HOLD in PostgreSQL's parsenodes.h."""

_CASCADE = "DROP_CASCADE"

_DROPPED_RELATIONS = {
    "OBJECT_FOREIGN_TABLE",
    "OBJECT_INDEX",
    "OBJECT_MATVIEW",
    "OBJECT_SEQUENCE",
    "OBJECT_TABLE",
    "OBJECT_VIEW",
}

_TRANSACTION_KINDS = {
    "TRANS_STMT_START": "begin",
    "TRANS_STMT_PREPARE": "prepare_transaction",
}


class _Statement:
    """One statement on its way to StatementFacts."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.tree = TreeFacts()
        self.changes_schema = False
        self.target: str | None = None
        self.is_cleanup = False

    def facts(self) -> StatementFacts:
        tree = self.tree
        calls = tree.calls
        if any(not call.builtin for call in calls):
            tree.effects |= SessionEffect.UNKNOWN_FUNCTION
        is_query = self.kind in ("select", "values")
        return StatementFacts(
            kind=self.kind,
            why_not_read_only=tree.why_not_read_only or (None if is_query else "is not a query"),
            tables_read=frozenset(tree.read),
            tables_written=frozenset(tree.written),
            writes_unknown=tree.writes_unknown,
            changes_schema=self.changes_schema or tree.creates_table,
            effects=tree.effects,
            settings=frozenset(tree.settings),
            target=self.target,
            is_cleanup=self.is_cleanup,
            calls=calls,
        )


def statement_facts(node: Node) -> StatementFacts:
    """The facts of one statement: a dict of one item, its node's name and fields."""
    ((name, fields),) = node.items()
    statement = _Statement(_kind(name))
    if handler := _HANDLERS.get(name):
        handler(statement, fields)
    elif name not in _WITHOUT_SCHEMA_CHANGE:
        _ddl(statement, fields)
    return statement.facts()


def _kind(name: str) -> str:
    """`CreatePolicyStmt` is a `create_policy`."""
    return _KINDS.get(name) or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.removesuffix("Stmt")).lower()


# -- queries, writes and what wraps them -------------------------------------------------------------------


def _select(statement: _Statement, fields: Node) -> None:
    if "valuesLists" in fields:
        statement.kind = "values"
    statement.is_cleanup = _is_unlock_all(fields)
    statement.tree.walk(fields)


def _is_unlock_all(fields: Node) -> bool:
    """SELECT pg_advisory_unlock_all(), and nothing else."""
    targets = fields.get("targetList", [])
    if len(targets) != 1 or fields.keys() - {"targetList", "limitOption", "op"}:
        return False
    call: Node = targets[0]["ResTarget"]["val"].get("FuncCall", {})
    return strings(call.get("funcname", []))[-1:] == ["pg_advisory_unlock_all"] and "args" not in call


def _write(node_name: str) -> Callable[[_Statement, Node], None]:
    def handler(statement: _Statement, fields: Node) -> None:
        statement.tree.walk({node_name: fields})

    return handler


def _copy(statement: _Statement, fields: Node) -> None:
    if "query" in fields:
        statement.tree.walk(fields["query"])
    elif fields.get("is_from"):
        statement.tree.write(fields["relation"])
        statement.tree.walk(fields.get("whereClause", {}))
    else:
        statement.tree.walk({"RangeVar": fields["relation"]})


def _truncate(statement: _Statement, fields: Node) -> None:
    for relation in fields["relations"]:
        statement.tree.write(relation["RangeVar"])
    statement.tree.writes_unknown = fields.get("behavior") == _CASCADE


def _refresh(statement: _Statement, fields: Node) -> None:
    statement.tree.write(fields["relation"])


def _explain(statement: _Statement, fields: Node) -> None:
    """Without ANALYZE the statement is planned and not run, so nothing in it happens."""
    if not any(_is_on(option["DefElem"], "analyze") for option in fields.get("options", [])):
        return
    ((name, inner),) = fields["query"].items()
    if handler := _HANDLERS.get(name):
        kind = statement.kind
        handler(statement, inner)
        statement.kind, statement.target, statement.is_cleanup = kind, None, False


def _is_on(option: Node, name: str) -> bool:
    if option["defname"] != name:
        return False
    argument: Node | None = option.get("arg")
    if argument is None:
        return True
    if "Integer" in argument:
        return bool(argument["Integer"].get("ival", 0))
    return argument.get("String", {}).get("sval", "").lower() not in ("false", "off")


def _declare(statement: _Statement, fields: Node) -> None:
    statement.target = fields["portalname"]
    hold = fields.get("options", 0) & _CURSOR_HOLD
    statement.tree.effects |= SessionEffect.HOLD_CURSOR if hold else SessionEffect.CURSOR
    statement.tree.walk(fields["query"])


def _fetch(statement: _Statement, fields: Node) -> None:
    statement.target = fields["portalname"]
    if fields.get("ismove"):
        statement.kind = "move"


def _close(statement: _Statement, fields: Node) -> None:
    statement.target = fields.get("portalname")
    statement.is_cleanup = statement.target is None


def _call_or_do(statement: _Statement, fields: Node) -> None:
    statement.tree.effects |= SessionEffect.CALL_OR_DO
    statement.tree.writes_unknown = True


# -- the session ------------------------------------------------------------------------------------------


def _set(statement: _Statement, fields: Node) -> None:
    kind, name = fields["kind"], fields.get("name", "")
    if kind == "VAR_RESET_ALL":
        statement.is_cleanup = True
    elif kind == "VAR_SET_MULTI":
        statement.tree.settings |= _transaction_settings(fields)
    else:
        statement.tree.settings.add(name.lower())
    if kind in ("VAR_RESET", "VAR_RESET_ALL"):
        statement.kind = "reset"
        effect = SessionEffect.RESET
    elif fields.get("is_local") or name in ("TRANSACTION", "TRANSACTION SNAPSHOT"):
        effect = SessionEffect.SET_LOCAL
    else:
        effect = SessionEffect.RESET if kind == "VAR_SET_DEFAULT" else SessionEffect.SET
    statement.tree.effects |= effect


def _transaction_settings(fields: Node) -> set[str]:
    """SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL … sets `default_transaction_isolation`."""
    prefix = "default_" if fields.get("name") == "SESSION CHARACTERISTICS" else ""
    return {prefix + item["DefElem"]["defname"] for item in fields.get("args", []) if "DefElem" in item}


def _set_constraints(statement: _Statement, fields: Node) -> None:
    statement.tree.effects |= SessionEffect.SET_LOCAL


def _prepare(statement: _Statement, fields: Node) -> None:
    statement.target = fields["name"]
    statement.tree.effects |= SessionEffect.PREPARE


def _execute(statement: _Statement, fields: Node) -> None:
    statement.target = fields["name"]
    statement.tree.walk({"ExecuteStmt": fields})


def _deallocate(statement: _Statement, fields: Node) -> None:
    statement.target = fields.get("name")
    statement.tree.effects |= SessionEffect.DEALLOCATE
    statement.is_cleanup = True


def _discard(statement: _Statement, fields: Node) -> None:
    statement.target = fields["target"].removeprefix("DISCARD_").lower()
    statement.tree.effects |= SessionEffect.DISCARD
    statement.is_cleanup = statement.target == "all"


def _listen(statement: _Statement, fields: Node) -> None:
    statement.target = fields["conditionname"]
    statement.tree.effects |= SessionEffect.LISTEN


def _unlisten(statement: _Statement, fields: Node) -> None:
    statement.target = fields.get("conditionname")
    statement.tree.effects |= SessionEffect.UNLISTEN
    statement.is_cleanup = statement.target is None


def _notify(statement: _Statement, fields: Node) -> None:
    statement.target = fields["conditionname"]
    statement.tree.effects |= SessionEffect.NOTIFY


def _load(statement: _Statement, fields: Node) -> None:
    statement.tree.effects |= SessionEffect.LOAD


def _transaction(statement: _Statement, fields: Node) -> None:
    kind = fields["kind"]
    statement.kind = _TRANSACTION_KINDS.get(kind) or kind.removeprefix("TRANS_STMT_").lower()
    statement.target = fields.get("savepoint_name")
    statement.tree.effects |= SessionEffect.TRANSACTION_CONTROL


def _vacuum(statement: _Statement, fields: Node) -> None:
    statement.kind = "vacuum" if fields.get("is_vacuumcmd") else "analyze"


# -- DDL --------------------------------------------------------------------------------------------------


def _ddl(statement: _Statement, fields: Node) -> None:
    """Any other statement defines something; in a temporary schema it goes with the session."""
    statement.changes_schema = True
    for field in ("funcname", "typeName", "domainname", "defnames"):
        name = fields.get(field)
        if isinstance(name, list) and is_temporary_schema(next(iter(strings(name)), None)):
            statement.tree.effects |= SessionEffect.TEMP_TABLE


def _composite_type(statement: _Statement, fields: Node) -> None:
    statement.changes_schema = True
    if is_temporary_schema(fields["typevar"].get("schemaname")):
        statement.tree.effects |= SessionEffect.TEMP_TABLE


def _create(statement: _Statement, fields: Node) -> None:
    if "base" in fields:  # CREATE FOREIGN TABLE
        fields = fields["base"]
    relation = fields.get("relation") or fields.get("view") or fields.get("sequence")
    if relation is not None:
        statement.tree.creates(relation, fields.get("oncommit"))


def _create_table_as(statement: _Statement, fields: Node) -> None:
    into = fields["into"]
    statement.tree.creates(into["rel"], into.get("onCommit"))
    statement.tree.walk(fields["query"])


def _create_schema(statement: _Statement, fields: Node) -> None:
    statement.changes_schema = True
    for element in fields.get("schemaElts", []):
        for name in ("CreateStmt", "ViewStmt", "CreateSeqStmt"):
            if name in element:
                _create(statement, element[name])


def _alter_table(statement: _Statement, fields: Node) -> None:
    """Defaults and USING expressions run over the rows."""
    statement.changes_schema = True
    statement.tree.write(fields["relation"])
    statement.tree.walk(fields["cmds"])


def _index(statement: _Statement, fields: Node) -> None:
    """Its expressions run over the rows, which stay what they are."""
    statement.changes_schema = True
    statement.tree.walk([fields.get("indexParams", []), fields.get("whereClause", {})])


def _rename(statement: _Statement, fields: Node) -> None:
    statement.changes_schema = True
    if "relation" in fields:
        relation = fields["relation"]
        statement.tree.write(relation)
        if fields["renameType"] in _DROPPED_RELATIONS:
            statement.tree.write({**relation, "relname": fields["newname"]})


def _move_to_schema(statement: _Statement, fields: Node) -> None:
    statement.changes_schema = True
    if "relation" in fields:
        relation = fields["relation"]
        statement.tree.write(relation)
        statement.tree.write({**relation, "schemaname": fields["newschema"]})


def _alter_enum(statement: _Statement, fields: Node) -> None:
    """A renamed value reads differently in every table that has it."""
    statement.changes_schema = True
    statement.tree.writes_unknown = "oldVal" in fields


def _drop(statement: _Statement, fields: Node) -> None:
    statement.changes_schema = True
    kind = fields["removeType"]
    if kind in _DROPPED_RELATIONS:
        for dropped in fields["objects"]:
            names = strings(dropped["List"]["items"])
            statement.tree.written.add(table_name(names[-2] if len(names) > 1 else None, names[-1]))
    statement.tree.writes_unknown = fields.get("behavior") == _CASCADE or kind in (
        "OBJECT_SCHEMA",
        "OBJECT_EXTENSION",
    )


def _unknown_tables(statement: _Statement, fields: Node) -> None:
    statement.changes_schema = True
    statement.tree.writes_unknown = True


_HANDLERS: dict[str, Callable[[_Statement, Node], None]] = {
    "AlterEnumStmt": _alter_enum,
    "AlterObjectSchemaStmt": _move_to_schema,
    "AlterTableStmt": _alter_table,
    "CallStmt": _call_or_do,
    "ClosePortalStmt": _close,
    "CompositeTypeStmt": _composite_type,
    "ConstraintsSetStmt": _set_constraints,
    "CopyStmt": _copy,
    "CreateForeignTableStmt": _create,
    "CreateSchemaStmt": _create_schema,
    "CreateSeqStmt": _create,
    "CreateStmt": _create,
    "CreateTableAsStmt": _create_table_as,
    "DeallocateStmt": _deallocate,
    "DeclareCursorStmt": _declare,
    "DeleteStmt": _write("DeleteStmt"),
    "DiscardStmt": _discard,
    "DoStmt": _call_or_do,
    "DropOwnedStmt": _unknown_tables,
    "DropStmt": _drop,
    "ExecuteStmt": _execute,
    "ExplainStmt": _explain,
    "FetchStmt": _fetch,
    "ImportForeignSchemaStmt": _unknown_tables,
    "IndexStmt": _index,
    "InsertStmt": _write("InsertStmt"),
    "ListenStmt": _listen,
    "LoadStmt": _load,
    "MergeStmt": _write("MergeStmt"),
    "NotifyStmt": _notify,
    "PrepareStmt": _prepare,
    "RefreshMatViewStmt": _refresh,
    "RenameStmt": _rename,
    "SelectStmt": _select,
    "TransactionStmt": _transaction,
    "TruncateStmt": _truncate,
    "UnlistenStmt": _unlisten,
    "UpdateStmt": _write("UpdateStmt"),
    "VacuumStmt": _vacuum,
    "VariableSetStmt": _set,
    "ViewStmt": _create,
}

_KINDS = {
    "AlterObjectSchemaStmt": "alter_schema",
    "ClosePortalStmt": "close",
    "CompositeTypeStmt": "create_type",
    "ConstraintsSetStmt": "set_constraints",
    "CreateSeqStmt": "create_sequence",
    "CreateStmt": "create_table",
    "CreateTrigStmt": "create_trigger",
    "CreatedbStmt": "create_database",
    "DeclareCursorStmt": "declare",
    "DropdbStmt": "drop_database",
    "IndexStmt": "create_index",
    "RefreshMatViewStmt": "refresh",
    "RuleStmt": "create_rule",
    "VariableSetStmt": "set",
    "VariableShowStmt": "show",
    "ViewStmt": "create_view",
}

_WITHOUT_SCHEMA_CHANGE = {
    "AlterDatabaseSetStmt",
    "AlterDatabaseStmt",
    "AlterRoleSetStmt",
    "AlterRoleStmt",
    "AlterSystemStmt",
    "CheckPointStmt",
    "ClusterStmt",
    "CommentStmt",
    "CreateRoleStmt",
    "CreatedbStmt",
    "DropRoleStmt",
    "DropdbStmt",
    "GrantRoleStmt",
    "GrantStmt",
    "LockStmt",
    "ReindexStmt",
    "SecLabelStmt",
    "VariableShowStmt",
}
