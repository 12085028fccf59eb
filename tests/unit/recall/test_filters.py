"""Filters: from keyword arguments to a query."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from runlore.errors import QueryInvalid
from runlore.model.query import AnyOf, Condition, Operator
from runlore.model.status import Status
from runlore.recall.search.filters import query_from

ID = "3a861d40-b65c-4dba-8dad-6b2966ea06c4"


@pytest.mark.parametrize(
    ("filters", "condition"),
    [
        ({"name": "x"}, Condition("name", Operator.EQ, "x")),
        ({"name": "contains:x:y"}, Condition("name", Operator.CONTAINS, "x:y")),
        ({"name": "equals:regex:x"}, Condition("name", Operator.EQ, "regex:x")),
        ({"name": 'oneof:["a", "b"]'}, Condition("name", Operator.IN, ("a", "b"))),
        ({"name": ["a", "b"]}, Condition("name", Operator.IN, ("a", "b"))),
        ({"name": None}, Condition("name", Operator.NULL, True)),
        ({"user": "isnotnull:"}, Condition("user", Operator.NULL, False)),
        ({"status": "completed"}, Condition("status", Operator.EQ, Status.COMPLETED)),
        ({"status": Status.FAILED}, Condition("status", Operator.EQ, Status.FAILED)),
        ({"status": "notoneof:failed,cached"}, Condition("status", Operator.NOT_IN, (Status.FAILED, Status.CACHED))),
        ({"number": "gt:3"}, Condition("number", Operator.GT, 3)),
        ({"number": 3}, Condition("number", Operator.EQ, 3)),
        ({"duration": "<2.5"}, Condition("duration", Operator.LT, 2.5)),
        ({"created": ">=2026-11-01"}, Condition("created", Operator.GE, datetime(2026, 11, 1, tzinfo=UTC))),
        (
            {"created": "lt:2026-11-01 10:30:00"},
            Condition("created", Operator.LT, datetime(2026, 11, 1, 10, 30, tzinfo=UTC)),
        ),
        ({"id": ID}, Condition("id", Operator.EQ, UUID(ID))),
        ({"id": "startswith:3a86"}, Condition("id", Operator.STARTSWITH, "3a86")),
        ({"tag": "user:ada"}, Condition("tag", Operator.EQ, "user:ada")),
        ({"pipeline_name": "p"}, Condition("pipeline", Operator.EQ, "p")),
        ({"run_metadata": ["accuracy:gte:0.9"]}, Condition("metadata:accuracy", Operator.GE, 0.9)),
        ({"run_metadata": ["kind:best"]}, Condition("metadata:kind", Operator.EQ, "best")),
        ({"run_metadata": {"epochs": ">=3"}}, Condition("metadata:epochs", Operator.GE, 3)),
        ({"parameters": {"lr": 0.1}}, Condition("parameter:lr", Operator.EQ, 0.1)),
        ({"parameters": ["deep:true"]}, Condition("parameter:deep", Operator.EQ, True)),
        ({"parameters": ['n:"3"']}, Condition("parameter:n", Operator.EQ, "3")),
    ],
)
def test_a_filter_becomes_a_condition(filters: dict[str, Any], condition: Condition) -> None:
    """Values, lists, None, 'op:value' and '>=value' are read with the kind of the field."""
    assert query_from("run", filters).conditions == (condition,)


def test_several_tags_and_several_comparisons_must_all_hold() -> None:
    """A list of tags, or of comparisons of one field, is a conjunction."""
    filters = {"tags": ["a", "b"], "created": [">=2026-01-01", "<2027-01-01"]}
    assert [c.operator for c in query_from("run", filters).conditions] == [
        Operator.EQ,
        Operator.EQ,
        Operator.GE,
        Operator.LT,
    ]


def test_order_and_alternatives() -> None:
    """sort_by gives field and direction, logical_operator='or' asks for any."""
    query = query_from("run", {"name": "a", "user": "b"}, sort_by="asc:start_time", logical_operator="or")
    assert (query.order, query.descending) == ("created", False)
    (either,) = query.conditions
    assert isinstance(either, AnyOf) and len(either.parts) == 2


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"statu": "failed"}, "Did you mean 'status'"),
        ({"status": "finished"}, "is not a status"),
        ({"name": "regex:x"}, "'regex' is not an operator"),
        ({"name": "startwith:x"}, "Did you mean 'startswith'"),
        ({"created": ">=someday"}, "is not a time"),
        ({"number": "gt:many"}, "is not a whole number"),
        ({"number": True}, "is not a whole number"),
        ({"id": "3a86"}, "startswith"),
        ({"run_metadata": ["accuracy"]}, "'key:value'"),
        ({"run_metadata": ["accuracy:above:3"]}, "'above' is not an operator"),
        ({"name": 'oneof:{"a": 1}'}, "must be a list"),
    ],
)
def test_what_is_not_known_is_refused_with_what_is(filters: dict[str, Any], said: str) -> None:
    """An unknown field or operator, or a value of the wrong kind, is an error that says what is right."""
    with pytest.raises(QueryInvalid, match=said):
        query_from("run", filters)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"sort_by": "desc:creatd"}, "Did you mean 'created'"),
        ({"sort_by": "down:created"}, "'down'"),
        ({"logical_operator": "xor"}, "'and' or 'or'"),
    ],
)
def test_unknown_orders_are_refused(given: dict[str, Any], said: str) -> None:
    """An unknown sort field, direction or logical operator is an error."""
    with pytest.raises(QueryInvalid, match=said):
        query_from("run", {}, **given)


def test_nouns_without_metadata_have_no_such_filter() -> None:
    """Only what the record can be asked for is accepted: pipelines have no parameters."""
    with pytest.raises(QueryInvalid, match="Pipelines cannot be filtered by 'parameters'"):
        query_from("pipeline", {"parameters": {"lr": 1}})
