"""Where: a filter as a text, read into conditions, or refused at the place that is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from runlore.errors import QueryInvalid
from runlore.model.query import AllOf, AnyOf, Condition, Filter, Not, Operator, about
from runlore.model.status import Status
from runlore.recall.search.filters import query_from
from runlore.recall.search.where import where

ID = "3a861d40-b65c-4dba-8dad-6b2966ea06c4"


def is_(field: str, operand: object, operator: str = "eq") -> Condition:
    return Condition(field, Operator(operator), operand)


NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
DAY = AllOf((is_("created", NOVEMBER, "ge"), is_("created", NOVEMBER + timedelta(days=1), "lt")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("status = completed", is_("status", Status.COMPLETED)),
        ("status==completed", is_("status", Status.COMPLETED)),
        ("status in (failed, cancelled,)", is_("status", (Status.FAILED, Status.CANCELLED), "in")),
        ("not status in [failed]", Not(is_("status", (Status.FAILED,), "in"))),
        ("status NOT IN (failed)", Not(is_("status", (Status.FAILED,), "in"))),
        ("user != bob", is_("user", "bob", "ne")),
        ("user = null", is_("user", True, "null")),
        ("user != null", is_("user", False, "null")),
        ("user is not null", is_("user", False, "null")),
        ("user in (bob, null)", AnyOf((is_("user", True, "null"), is_("user", ("bob",), "in")))),
        ("user = 'null'", is_("user", "null")),
        (r"""name = "a \"b\" \\ c\d" """, is_("name", 'a "b" \\ c\\d')),
        ("name startswith 'x y'", is_("name", "x y", "startswith")),
        ("name not contains 5", Not(is_("name", "5", "contains"))),
        ("pipeline = making::make", is_("pipeline", "making::make")),
        ("version >= 3", is_("pipeline_version", 3, "ge")),
        ("commit startswith 0123", is_("git_commit", "0123", "startswith")),
        (f"origin = {ID}", is_("origin", UUID(ID))),
        ("id startswith 3a86", is_("id", "3a86", "startswith")),
        ("created >= 2026-11-01", is_("created", NOVEMBER, "ge")),
        ("created < 2026-11-01T02:00:00+02:00", is_("created", NOVEMBER, "lt")),
        ("created < '2026-11-01 00:00'", is_("created", NOVEMBER, "lt")),
        ("created = 2026-11-01", DAY),
        ("created != '2026-11-01'", Not(DAY)),
        ("duration > 5m", is_("duration", 300.0, "gt")),
        ("duration > 1h30m", is_("duration", 5400.0, "gt")),
        ("duration <= 2.5", is_("duration", 2.5, "le")),
        ("duration < 250ms", is_("duration", 0.25, "lt")),
        ("parameters.lr = 0.1", is_("parameter:lr", 0.1)),
        ("parameters.lr = '0.1'", is_("parameter:lr", "0.1")),
        ("parameters.deep = true", is_("parameter:deep", True)),
        ("parameters.n in (1, 2.5, x)", is_("parameter:n", (1, 2.5, "x"), "in")),
        ("metadata.eval.accuracy > 0.9", is_("metadata:eval.accuracy", 0.9, "gt")),
        ('metadata."eval.accuracy" > 0.9', is_("metadata:eval.accuracy", 0.9, "gt")),
        ('metadata."my key".x is null', is_("metadata:my key.x", True, "null")),
        ("metadata.took > 5m", is_("metadata:took", 300.0, "gt")),
        ("metadata.took = 5m", is_("metadata:took", "5m")),
        ("metrics.loss < 0.3", is_("metric:loss", 0.3, "lt")),
        ("metrics.loss.min < 0.3", is_("metric.min:loss", 0.3, "lt")),
        ("metrics.val.loss.max < 0.3", is_("metric.max:val.loss", 0.3, "lt")),
        ("metrics.loss.last < 0.3", is_("metric:loss", 0.3, "lt")),
        ("metrics.count > 3", is_("metric:count", 3, "gt")),
        ('metrics.loss."min" < 0.3', is_("metric:loss.min", 0.3, "lt")),
        ("steps.train.metadata.eval.x > 1", is_(about("step.metadata", "train", "eval.x"), 1, "gt")),
        ('steps."a.b".metrics.loss.min > 1', is_(about("step.metric.min", "a.b", "loss"), 1, "gt")),
        ("artifacts.'m::x'.metadata.n = 1", is_(about("artifact.metadata", "m::x", "n"), 1)),
        ("tags = prod", is_("tag", "prod")),
        ("tags all of (a, b)", AllOf((is_("tag", "a"), is_("tag", "b")))),
        ("tags any (a, 'b c')", is_("tag", ("a", "b c"), "in")),
        ("tags none of (a, b)", Not(is_("tag", ("a", "b"), "in"))),
        (
            "status = completed and (metrics.loss < 0.3 or tags any of (prod, best)) and not user = bob",
            AllOf(
                (
                    is_("status", Status.COMPLETED),
                    AnyOf((is_("metric:loss", 0.3, "lt"), is_("tag", ("prod", "best"), "in"))),
                    Not(is_("user", "bob")),
                )
            ),
        ),
        (
            "number = 1 or number = 2 and number = 3",
            AnyOf((is_("number", 1), AllOf((is_("number", 2), is_("number", 3))))),
        ),
        ("not number = 1 and number = 2", AllOf((Not(is_("number", 1)), is_("number", 2)))),
    ],
)
def test_a_text_is_read_into_a_filter(text: str, expected: Filter) -> None:
    """Every form of the grammar becomes the conditions that it means."""
    assert where("run", text) == expected


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("-7d", timedelta(days=7)),
        ("-90s", timedelta(seconds=90)),
        ("-1h30m", timedelta(minutes=90)),
        ("now", timedelta()),
    ],
)
def test_spans_with_a_sign_are_times_from_now(text: str, ago: timedelta) -> None:
    """A span before or after now is taken from the moment of asking, in text and keyword alike."""
    before = datetime.now(UTC)
    found: Any = where("run", f"created > {text}")
    (keyword,) = query_from("run", {"created": f">{text}"}).conditions
    after = datetime.now(UTC)

    for one in (found, keyword):
        assert before - ago <= one.operand <= after - ago


def test_versions_are_asked_for_sizes_and_aliases() -> None:
    """Sizes have units, of a thousand or of 1,024; versions have aliases, and their artifact's name."""
    assert where("version", "size > 10MB") == is_("size", 10_000_000, "gt")
    assert where("version", "size <= 1.5KiB") == is_("size", 1536, "le")
    assert where("version", "aliases = production and name = model") == AllOf(
        (is_("alias", "production"), is_("artifact", "model"))
    )


@pytest.mark.parametrize(
    ("text", "said", "place"),
    [
        ("", "empty", 0),
        ("statu = failed", "Did you mean 'status'", 0),
        ("status = finished", "is not a status (pending", 9),
        ("status = complete", "Did you mean 'completed'?", 9),
        ("status = and user = bob", "A value is expected here. As a text it is written 'and'", 9),
        ("status", "A comparison is missing here: =", 6),
        ("status like failed", "'like' is no comparison.", 7),
        ("status <> failed", "'<>' is no comparison", 7),
        ("status = failed user = bob", "cannot stand here", 16),
        ("name = my run", "'my run …'", 10),
        ("(status = failed", "A ) is missing for the ( at character 1", 16),
        ("status = failed)", "')' cannot stand here", 15),
        ("status in failed", "A list is expected here", 10),
        ("status in ()", "A value is expected", 11),
        ("status in (failed", "ends with )", 17),
        ("status is failed", "After 'is' comes null", 10),
        ("name = 'x", "not closed", 7),
        ("name ! x", "! stands only in !=", 5),
        ("created > yesteryear", "is not a time such as", 10),
        ("created > -99999999999d", "is not a time", 10),
        ("created > 2026-13-01", "is not a time", 10),
        ("number = many", "is not a whole number", 9),
        ("number contains 1", "is no text and cannot be compared by contains", 16),
        ("user > null", "null is only compared by = and !=", 7),
        ("id = 3a86", "startswith", 5),
        ("metrics < 3", "After 'metrics' a name is missing", 0),
        ("metadata..x = 1", "empty", 0),
        ("steps.train = 1", "steps.<name>.metadata.<key> or steps.<name>.metrics.<key>", 0),
        ("artifacts.model.metrics.x = 1", "artifacts.<name>.metadata.<key>", 0),
        (".status = failed", "empty", 0),
        ("and status = failed", "name of a field is expected", 0),
        ("status = failed and", "name of a field is expected", 19),
        ("parameters.lr = nan", "nan equals nothing", 16),
        ("duration > 5 parsecs", "cannot stand here", 13),
        ("('x' = 1)", "Runs cannot be filtered by 'x'", 1),
    ],
)
def test_what_is_wrong_is_shown_at_its_place(text: str, said: str, place: int) -> None:
    """An error says what is wrong and what is right, and points at the place."""
    with pytest.raises(QueryInvalid) as caught:
        where("run", text)

    message, shown, caret = str(caught.value).split("\n")
    assert said in message
    assert shown == f"  {text}" and caret == f"  {' ' * place}^"


def test_a_long_text_is_shown_around_its_place() -> None:
    """Of a long filter the message shows a window, with the caret below what is wrong, and no control characters."""
    text = " or ".join(f"number = {n}" for n in range(60)) + " or numbr = 1\n or " + "x" * 500
    with pytest.raises(QueryInvalid) as caught:
        where("run", text)

    _, shown, caret = str(caught.value).split("\n")
    assert len(shown) < 90 and shown[caret.index("^") :].startswith("numbr = 1·")


@pytest.mark.parametrize("text", ["(" * 60 + "number = 1" + ")" * 60, "not " * 60 + "number = 1"])
def test_depth_has_a_bound(text: str) -> None:
    """A filter that is nested too deeply is refused, and one that is not is answered."""
    with pytest.raises(QueryInvalid, match="nested more than 40 deep"):
        where("run", text)
    assert where("run", text.replace("(" * 30, "").replace(")" * 30, "").replace("not " * 30, ""))


def test_keywords_and_text_mean_the_same() -> None:
    """What a keyword says, the text says in the same conditions."""
    for keywords, text in (
        ({"tags": ["a", "b"]}, "tags = a and tags = b"),
        ({"any_tags": ["a", "b"]}, "tags any of (a, b)"),
        ({"no_tags": ["a"]}, "tags none of (a)"),
        ({"duration": ">5m"}, "duration > 5m"),
        ({"created": "2026-11-01"}, "created = 2026-11-01"),
        ({"metrics": {"loss.min": "<0.3"}}, "metrics.loss.min < 0.3"),
        ({"metrics.loss": "<0.3"}, "metrics.loss < 0.3"),
        ({"metadata.eval.x": [1, 2]}, "metadata.eval.x in (1, 2)"),
        ({"parameters": {"lr": 0.1}}, "parameters.lr = 0.1"),
        ({"user": None}, "user is null"),
        ({"version": 2}, "version = 2"),
        ({"where": "user = bob"}, "user = bob"),
        ({"where": ["user = bob", "number = 1"]}, "user = bob and number = 1"),
    ):
        found = query_from("run", keywords).conditions
        wanted = where("run", text)
        assert found == (wanted,) or found == getattr(wanted, "parts", None), text


@pytest.mark.parametrize(
    ("sort_by", "order", "descending"),
    [
        ("desc:metrics.loss", "metric:loss", True),
        ("asc:metrics.loss.max", "metric.max:loss", False),
        ("parameters.lr", "parameter:lr", False),
        ('desc:metadata."a b".c', "metadata:a b.c", True),
        ("desc:version", "pipeline_version", True),
    ],
)
def test_lists_are_sorted_by_any_field(sort_by: str, order: str, descending: bool) -> None:
    """sort_by takes the names that filters take."""
    query = query_from("run", {}, sort_by=sort_by)
    assert (query.order, query.descending) == (order, descending)


@pytest.mark.parametrize("sort_by", ["desc:tags", "desc:", "metrics", "desc:metrics.", "desc:nmae", 'desc:"', 5])
def test_what_has_no_order_is_refused(sort_by: Any) -> None:
    """Sorting by what has several values, or by nothing, is an error."""
    with pytest.raises(QueryInvalid):
        query_from("run", {}, sort_by=sort_by)
