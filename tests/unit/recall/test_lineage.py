"""Lineage as a graph: what handles give, and how it shows itself, whatever things are called."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from runlore.errors import QueryInvalid
from runlore.model.artifact import Content, LookedUp, SaveType, Version
from runlore.model.change import (
    Input,
    NewVersion,
    Output,
    RunFinished,
    StepFinished,
    StepsPlanned,
    TaskFinished,
    VersionSaved,
)
from runlore.model.lineage import Direction, Flow, Link, StepFacts, StepKey, Traced, VersionFacts, VersionKey
from runlore.model.name import printable
from runlore.model.status import Status
from runlore.recall.lineage.drawing import dot_text, mermaid_text
from runlore.recall.lineage.graph import Lineage
from runlore.testing.record_stories import new_step

from .conftest import Book

HOSTILE = [
    '"]; n1 --> n2["owned',
    "#quot; &lt;b&gt; <script>alert(1)</script> &amp; #35;",
    "`**bold**` end subgraph style:#1; classDef x:#f00; %%{init}%%",
    "back\\slash \\N \\l {a|b} <i>x</i>",
    "line\nbreak\r\ttab\x1b[31m\x07 \u202egnp \u2028 ümläut 漢字 🎉",
    ";--;",
    "style x:y#z",
]


def save(book: Book, name: str, **given: Any) -> int:
    """Save a version by hand; return its seq."""
    made = NewVersion(
        id=uuid4(), artifact=name, content=book.workspace.vault.store(1), **({"save_type": SaveType.MANUAL} | given)
    )
    return book.workspace.record.commit([VersionSaved(version=made)]).versions[made.id][0]


def use(
    book: Book,
    *taken: int,
    gives: Sequence[str] = (),
    looked_up: tuple[LookedUp, ...] = (),
    step: str = "use",
    parameter: str = "x",
) -> list[int]:
    """A run of one step that takes versions and gives new ones of these artifacts; their seqs."""
    run, fence = book.begin()
    content = book.workspace.vault.store(1)
    outputs = tuple(Output(name=name, value=NewVersion(id=uuid4(), artifact=name, content=content)) for name in gives)
    inputs = tuple(Input(name=f"{parameter}{number}", version=seq) for number, seq in enumerate(taken))
    at = run.created
    book.workspace.record.commit(
        [
            StepsPlanned(steps=(new_step(0, step),)),
            TaskFinished(
                step=0,
                status=Status.COMPLETED,
                started=at,
                ended=at,
                inputs=inputs,
                outputs=outputs,
                looked_up=looked_up,
            ),
            StepFinished(index=0, status=Status.COMPLETED, ended=at, duration=1.0),
            RunFinished(status=Status.COMPLETED, ended=at, duration=1.0),
        ],
        fence=fence,
    )
    return [edge.version for edge in book.workspace.record.edges(run.seq) if edge.direction == "output"]


def graph(book: Book, artifact: str, *arguments: Any, **options: Any) -> Lineage:
    return book.client.get_artifact_version(artifact).lineage(*arguments, **options)


def test_upstream_and_downstream_reach_through_what_is_between(book: Book) -> None:
    """Without a depth all versions come back, nearest first; depth=1 gives direct neighbours only."""
    raw = save(book, "raw")
    (clean,) = use(book, raw, gives=["clean"])
    (model,) = use(book, clean, gives=["model"])
    use(book, model, raw, gives=["score"])
    version = book.client.get_artifact_version

    assert [one.name for one in version("score").upstream()] == ["model", "raw", "clean"]
    assert [one.name for one in version("score").upstream(1)] == ["model", "raw"]
    assert [one.name for one in version("raw").downstream()] == ["score", "clean", "model"]
    assert [one.name for one in version("clean").downstream(depth=1)] == ["model"]
    assert version("raw").upstream() == version("score").downstream() == version("score").upstream(0) == ()
    assert version("score").upstream()[0].load() == 1


def test_elements_have_lineage_of_their_own(book: Book) -> None:
    """An element of a collection leads to its task; so do the task and the step, with what they gave at depth 0."""
    book.mapped([1, 2, 3])
    step = book.client.get("squares/1/square")
    whole = step.output

    assert whole[1].lineage("up").to_tree().splitlines() == [
        "artifact:squares@1[1]",
        "└ made by squares/1/square/1",
    ]
    assert [node.pathspec for node in step.tasks[2].lineage("down", 0)] == [
        "squares/1/square/2",
        "artifact:squares@1[2]",
    ]
    assert [node.pathspec for node in step.lineage("down")] == ["squares/1/square", "artifact:squares@1"]
    assert step.run.lineage("down").nodes == step.lineage("down").nodes
    assert whole.lineage("up").steps == step.lineage().steps


def test_a_plain_step_has_one_task_and_the_lineage_of_it(book: Book) -> None:
    """The task of a step that is not mapped leads where the step does."""
    book.run()
    step = book.client.get("training/1/train")

    assert step[0].lineage().nodes == step.lineage().nodes


def test_the_tree_says_what_happened_and_shows_each_thing_once(book: Book) -> None:
    """Parameters, look-ups, saving by hand and repeated things are told in words, most of it on one line."""
    raw = save(book, "raw")
    (clean,) = use(book, raw, gives=["clean"])
    (left,) = use(book, clean, gives=["left"])
    use(book, clean, left, gives=["model", "note"], looked_up=(LookedUp(artifact="raw", version=raw),))

    assert graph(book, "model").to_tree().splitlines() == [
        "artifact:model@1",
        "made from:",
        "└ made by training/3/use",
        "  ├ x0: artifact:clean@1, made by training/1/use",
        "  │ └ x0: artifact:raw@1 (saved by hand)",
        "  ├ x1: artifact:left@1, made by training/2/use",
        "  │ └ x0: artifact:clean@1, see above",
        "  └ looked up: artifact:raw@1 (saved by hand)",
        "went into:",
        "└ nothing so far",
    ]
    assert str(graph(book, "raw", "down")).splitlines() == [
        "artifact:raw@1",
        "├ looked up by training/3/use",
        "│ ├ model: artifact:model@1",
        "│ └ note: artifact:note@1",
        "└ taken as x0 by training/1/use → clean: artifact:clean@1",
        "  ├ taken as x0 by training/3/use, see above",
        "  └ taken as x0 by training/2/use → left: artifact:left@1",
        "    └ taken as x1 by training/3/use, see above",
    ]


def test_what_is_left_out_is_said(book: Book) -> None:
    """Depth, breadth and limit leave marks in every form, and the graph says that there is more."""
    raw = save(book, "raw")
    for number in range(4):
        (made,) = use(book, raw, gives=[f"a{number}"])
        use(book, made, gives=["b"])
    some = graph(book, "raw", "down", 1, breadth=2)

    assert str(some).splitlines() == [
        "artifact:raw@1",
        "├ taken as x0 by training/7/use → a3: artifact:a3@1",
        "│ └ … and what came of it",
        "├ taken as x0 by training/5/use → a2: artifact:a2@1",
        "│ └ … and what came of it",
        "└ … and 2 more",
    ]
    assert {direction for direction, _ in some.more} == {Direction.DOWN} and len(some.more) == 3
    assert "and more" in repr(some) and "… and 2 more" in some.to_mermaid() and "… and 2 more" in some.to_dot()
    assert {"node": "n1", "direction": "down", "count": 2, "exact": True} in some.to_dict()["more"]
    assert graph(book, "raw", "down").more == () and "and more" not in repr(graph(book, "raw", "down"))
    assert graph(book, "b", "up", 0).to_tree().splitlines() == ["artifact:b@4", "└ … and what comes before"]


def test_a_deleted_run_and_deleted_bytes_are_named_as_such(book: Book) -> None:
    """What is gone stands in the tree, in words, instead of being left out."""
    raw = save(book, "raw")
    (made,) = use(book, raw, gives=["made"])
    use(book, made, gives=["last"])
    book.client.delete_run("training-1")

    assert graph(book, "last", "up").to_tree().splitlines()[1:] == [
        "└ made by training/2/use",
        "  └ x0: artifact:made@1, made by step 0 of a deleted run",
    ]
    book.client.prune_artifacts(only_artifact=True, include_manual=True)
    assert graph(book, "raw", "down").to_tree().splitlines() == ["artifact:raw@1", "└ nothing so far"]
    assert graph(book, "raw", "down").to_dict()["nodes"][0]["deleted"] is True


def test_what_cannot_be_meant_is_refused(book: Book) -> None:
    """A wrong direction, and bounds that are no whole numbers, are errors that say what is right."""
    save(book, "raw")
    with pytest.raises(QueryInvalid, match="'up', 'down' or 'both', not 'upp'.*Did you mean 'up'"):
        graph(book, "raw", "upp")
    for bounds in ({"depth": -1}, {"depth": True}, {"breadth": 0}, {"limit": "9"}):
        with pytest.raises(QueryInvalid, match="whole number"):
            graph(book, "raw", "up", **bounds)


def test_a_chain_deeper_than_pythons_stack_is_shown() -> None:
    """Drawing does not depend on how deep the lineage is."""
    nodes: list[Any] = []
    links = []
    for number in range(2_000):
        step, version = StepKey(number, 0), VersionKey(number)
        nodes += [VersionFacts(key=version, version=_version(number)), StepFacts(key=step, name="use")]
        links.append(Link(source=step, target=version, flow=Flow.OUTPUT))
        if number:
            links.append(Link(source=version, target=StepKey(number - 1, 0), flow=Flow.INPUT, name="x"))
    traced = Traced(direction=Direction.UP, start=(VersionKey(0),), nodes=tuple(nodes), links=tuple(links))
    found = Lineage("artifact:v@0", traced)

    assert len(found.to_tree().splitlines()) == 2_001 and len(found.to_mermaid().splitlines()) > 7_998


def _version(seq: int) -> Version:
    content = Content(materializer="json", type="builtins.int", digest="sha256:0", size=1)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Version(
        seq=seq, id=uuid4(), artifact="v", version=str(seq), created=at, save_type=SaveType.OUTPUT, content=content
    )


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_names_cannot_break_out_of_any_form(book: Book, name: str) -> None:
    """Whatever an artifact and a parameter are called, drawings are valid, show just that, and no control character."""
    seq = save(book, name)
    use(book, seq, gives=["model"], parameter=name, looked_up=(LookedUp(artifact=name, version=seq),))
    found = graph(book, "model", "up")
    shown = {printable(f"artifact:{name}@1") + " (saved by hand)", "artifact:model@1", "training/1/use"}
    links = {"model", printable(f"{name}0"), printable(f"artifact:{name}")}

    assert mermaid_labels(found.to_mermaid()) == (shown, links)
    assert dot_labels(found.to_dot()) == (shown, links)
    assert all(line.isprintable() for line in found.to_tree().split("\n"))
    page = found._repr_html_()
    elements = "div|strong|span|svg|title|g|path|rect|circle|text|details|summary|pre"
    assert not re.search(rf"<(?!/?(?:{elements})[ >])", page) and html.escape(printable(name)) in page
    json.dumps(found.to_dict())


def test_texts_in_quotes_are_pinned() -> None:
    """The exact escapes of both forms, where nothing is special and where everything is."""
    assert mermaid_text("training/1/train") == "training/1/train"
    assert mermaid_text('a"b#c;`d` & <e>') == "a#34;b#35;c;#96;d#96; #38; #60;e#62;"
    assert mermaid_text("style:x") == "style#58;x"
    assert dot_text('a"b\\n\n') == '"a\\"b\\\\n\\\\n"'


# -- strict readers of the forms, by their published grammars ----------------------------------------------------------

_NODE = re.compile(r'  ([nm]\d+)(?:\["([^"]*)"\]|\(\["([^"]*)"\]\))')
_EDGE = re.compile(r'  ([nm]\d+) (?:-->|-\.->|==>|-\.-)(?:\|"([^"]*)"\|)? ([nm]\d+)')
_STYLE = re.compile(r"  (?:classDef \w+ [\w:-]+|class n\d+(?:,n\d+)* \w+)")


def mermaid_labels(text: str) -> tuple[set[str], set[str]]:
    """Labels of nodes and of links as Mermaid shows them; fails for any line that is not understood."""
    first, *lines = text.split("\n")
    assert first == "flowchart LR"
    nodes, links, ids = set(), set(), set()
    for line in lines:
        assert line.isprintable()
        if node := _NODE.fullmatch(line):
            ids.add(node[1])
            nodes.add(_decoded(node[2] or node[3]))
        elif edge := _EDGE.fullmatch(line):
            assert {edge[1], edge[3]} <= ids
            links.add(_decoded(edge[2] or ""))
        else:
            assert _STYLE.fullmatch(line), line
    return nodes, links


def _decoded(label: str) -> str:
    # Mermaid drops a semicolon of what looks like a style with a colour in it
    assert not re.search(r"(style|classDef).*:\S*#.*;", label)
    bare = re.sub(r"#\d+;", "", label)
    assert not set('"#&<>`') & set(bare)
    return re.sub(r"#(\d+);", lambda code: chr(int(code[1])), label)


_STRING = r'"((?:[^"\\]|\\.)*)"'
_DOT_NODE = re.compile(rf"  [nm]\d+ \[label={_STRING}, shape=\w+(?:, style=\w+)?\];")
_DOT_EDGE = re.compile(rf"  [nm]\d+ -> [nm]\d+ \[(?:label={_STRING}, )?style=\w+(?:, arrowhead=none)?\];")


def dot_labels(text: str) -> tuple[set[str], set[str]]:
    """Labels of nodes and of edges as Graphviz shows them; fails for any line that is not understood."""
    first, second, *lines, last = text.split("\n")
    assert (first, second, last) == ("digraph lineage {", "  rankdir=LR;", "}")
    nodes, edges = set(), set()
    for line in lines:
        assert line.isprintable()
        node, edge = _DOT_NODE.fullmatch(line), _DOT_EDGE.fullmatch(line)
        found = node or edge
        assert found, line
        (nodes if node else edges).add(re.sub(r'\\(["\\])', r"\1", found[1] or ""))
        assert not re.search(r"\\[^\"\\]", re.sub(r"\\\\", "", found[1] or ""))
    return nodes, edges
