from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrangler_py.sql.analyse import analyse
from wrangler_py.sql.tables import may_be_same_table, table_name, unqualified

identifiers = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=10)


@given(identifiers, identifiers)
def test_a_name_says_its_parts_exactly(schema: str, name: str) -> None:
    written = table_name(schema, name)
    assert unqualified(written) == table_name(None, name)
    assert unqualified(table_name(None, name)) == table_name(None, name)
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name))
    assert analyse(f"SELECT FROM {quoted}").tables_read == {written}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a", "a", True),
        ("a", "public.a", True),
        ("s.a", "a", True),
        ("s.a", "t.a", False),
        ("a", "b", False),
        ('"s.a"', "a", False),
        ('s."A"', '"A"', True),
        ('"A"', "a", False),
    ],
)
def test_may_be_same_table(one: str, other: str, same: bool) -> None:
    assert may_be_same_table(one, other) == same
