"""What notebooks show: small, well formed, inert, and readable on any theme."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from runlore.model.change import NewStep, RunFinished, StepFinished, StepsPlanned
from runlore.model.run import Failure
from runlore.model.status import Status
from runlore.recall.html.markup import Html, joined, tag
from runlore.recall.html.status import COLORS
from runlore.recall.html.value import shown
from runlore.recall.named import Named

Read = Callable[[str], tuple[list[tuple[str, dict[str, str]]], str]]

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)>'\"><svg onload=alert(1)>"


def everything(book: Any) -> Iterator[Any]:
    """A handle of each kind, and each kind of list and mapping."""
    client = book.client
    for run in client.runs():
        yield from (
            run,
            run.code,
            *([run.exception] if run.exception else []),
            run.steps,
            run.parameters,
            run.metadata,
            run.run_metadata,
            run.outputs,
            run.pipeline,
        )
        for step in run.steps.values():
            yield from (step, step.inputs, step.outputs, *step.tasks, *step.outputs.values())
    yield from (client.runs(), client.list_pipelines(), client.list_artifacts(), client.list_artifact_versions())
    yield from client.list_artifacts()


def hostile(book: Any) -> None:
    """A record whose every text attacks."""
    run, fence = book.begin(f"p{ATTACK}", name=f"n{ATTACK}", parameters={ATTACK: ATTACK, "plain": [ATTACK]})
    planned = StepsPlanned(steps=(_step(0, ATTACK), _step(1, f"b{ATTACK}", upstream=(0,))))
    failure = Failure(type=ATTACK, message=f"\x1b[31m{ATTACK}\0", traceback=ATTACK)
    made = book._output(f"o{ATTACK}", __import__("uuid").uuid4(), ATTACK)
    changes = [
        planned,
        book._task(0, run.created, outputs=(made,)),
        StepFinished(index=0, status=Status.COMPLETED, ended=run.created, duration=1.0),
        book._task(1, run.created, status=Status.FAILED, failure=failure),
        StepFinished(index=1, status=Status.FAILED, ended=run.created),
        RunFinished(status=Status.FAILED, ended=run.created),
    ]
    book.workspace.record.commit(changes, fence=fence)
    handle = next(iter(book.client.runs()))
    handle.log_metadata({"x": ATTACK, "y": {"z": ATTACK}})
    handle.add_tags("<b>tag</b>")
    for version in book.client.list_artifact_versions():
        version.log_metadata({"v": ATTACK})


def _step(index: int, name: str, **given: Any) -> NewStep:
    return NewStep(index=index, name=name, definition="{}", definition_digest=bytes(32), **given)


def test_nothing_acts(book: Any, read_html: Read) -> None:
    """Whatever names and values say, what is shown has no script, handler, style sheet, id, or address to fetch."""
    hostile(book)
    things = list(everything(book))
    assert len(things) > 20

    for thing in things:
        found, _ = read_html(thing._repr_html_())
        assert {name for name, _ in found} <= {
            *("div", "strong", "span", "table", "thead", "tbody", "tr", "th", "td", "pre", "p", "details", "summary"),
            *("svg", "title", "g", "path", "rect", "circle", "text"),
        }
        for name, attributes in found:
            assert not [key for key in attributes if key.startswith("on")], (name, attributes)
            assert attributes.keys().isdisjoint({"id", "href", "src"})


def test_attacks_are_told_as_they_are(book: Any, read_html: Read) -> None:
    """A hostile text is shown as the text that it is, its control characters written out."""
    hostile(book)
    run = next(iter(book.client.runs()))

    _, text = read_html(run._repr_html_())
    assert f"n{ATTACK}" in text and f"\\x1b[31m{ATTACK}\\x00" in text


def test_a_run_is_shown_with_its_steps(book: Any, read_html: Read) -> None:
    """A run says where it stands and how it was called, and draws its steps with what each waits for."""
    book.run(status=Status.FAILED)
    run = next(iter(book.client.runs()))
    found, text = read_html(run._repr_html_())

    assert "training/1" in text and "failed" in text and "lr = 0.1" in text and "too hot" in text
    assert "load: completed · 500ms" in text and "train: failed" in text
    assert [name for name, _ in found].count("path") == 1  # load → train


def test_a_step_is_shown_with_what_went_in_and_out(book: Any, read_html: Read) -> None:
    """A step says how it was called, and names the versions that it took and made."""
    book.run()
    step = book.client.get("training/1/train")
    _, text = read_html(step._repr_html_())

    assert "training/1/train" in text and "lr = 0.1" in text and "1.5s" in text
    assert re.search(r"data\s*input\s*artifact:data@1", text) and "artifact:model@1" in text


def test_a_list_says_how_many_more_there_are(book: Any, read_html: Read) -> None:
    """A list shows its first rows and counts the others; so do a pipeline and an artifact."""
    for _ in range(20):
        book.run()
    client = book.client

    assert "… and 8 more" in read_html(client.runs()._repr_html_())[1]
    assert "… and 15 more" in read_html(client.get_pipeline("training")._repr_html_())[1]
    assert "… and 15 more" in read_html(client.get_artifact("model")._repr_html_())[1]
    assert "There is no run." in read_html(client.runs(status="running")._repr_html_())[1]
    many = Named({str(number): number for number in range(1_000)}, kind="metadata entry", owner="x")
    assert "1000 metadata entries of x" in many._repr_html_() and "… and 980 more" in many._repr_html_()


def test_a_large_run_stays_small(book: Any, read_html: Read) -> None:
    """A run of 10,000 steps, a chain or side by side, is shown in a bounded page that counts what it leaves out."""
    for depth in (1, 10_000):
        run, fence = book.begin()
        upstream = [() if depth == 1 or not index else (index - 1,) for index in range(10_000)]
        steps = tuple(_step(index, f"a_step_of_many_{index}", upstream=upstream[index]) for index in range(10_000))
        book.workspace.record.commit(
            [StepsPlanned(steps=steps), RunFinished(status=Status.CANCELLED, ended=run.created)], fence=fence
        )
        handle = book.client.run_of(book.workspace.record.run(run.seq))
        text = handle._repr_html_()

        assert len(text) < 64_000 and "more" in text
        read_html(text)
        assert len(handle.steps._repr_html_()) < 20_000
        assert len(repr(handle.steps)) < 4_000 and "9,970 more" in repr(handle.steps)


def test_many_tasks_are_a_line_or_a_few_rows(book: Any, read_html: Read) -> None:
    """The tasks of a step are counted, and the first of them told; there are none before it starts."""
    book.mapped(list(range(20)))
    tasks = book.client.get("squares/1").steps["square"].tasks

    assert repr(tasks) == "<20 tasks: squares/1/square/0, squares/1/square/1, squares/1/square/2, …>"
    assert repr(type(tasks)()) == "<0 tasks>" and len(tasks) == 20 and tasks[-1].index == 19
    _, text = read_html(tasks._repr_html_())
    assert "20 tasks" in text and "squares/1/square/11" in text and "… and 8 more" in text


def test_many_steps_of_one_kind_are_told_together(book: Any, read_html: Read) -> None:
    """Steps of a loop that stand beside each other are one place that says how many are in which state."""
    run, fence = book.begin()
    steps = tuple(_step(index, f"t_{index}") for index in range(12))
    book.workspace.record.commit(
        [
            StepsPlanned(steps=steps),
            StepFinished(index=3, status=Status.FAILED, ended=run.created),
            *(StepFinished(index=n, status=Status.COMPLETED, ended=run.created) for n in range(12) if n != 3),
            RunFinished(status=Status.FAILED, ended=run.created),
        ],
        fence=fence,
    )
    _, text = read_html(book.client.get("training/1")._repr_html_())

    assert "t_0 to t_11: 1 failed, 11 completed" in text and "t_0 ×12" in text


def test_a_wide_map_stays_small(book: Any) -> None:
    """A step of 10,000 tasks is shown in a few lines that say how many did what."""
    book.mapped(list(range(10_000)))
    run = next(iter(book.client.runs()))

    for thing in (run, run.steps["square"], run.steps["square"].output):
        assert len(thing._repr_html_()) < 12_000
    assert "10,000" in run._repr_html_() and "10,000 " in run.steps["square"]._repr_html_()


LONG = "x" * 255


def test_reprs_fit_a_line(book: Any) -> None:
    """However long names are, what a handle says of itself is one line of about a hundred columns."""
    run, fence = book.begin(LONG, name=LONG[:-1] + "\u2028")
    made = book._output(LONG, __import__("uuid").uuid4(), 1)
    changes = [
        StepsPlanned(steps=(_step(0, LONG),)),
        book._task(0, run.created, outputs=(made,)),
        StepFinished(index=0, status=Status.COMPLETED, ended=run.created),
        RunFinished(status=Status.COMPLETED, ended=run.created),
    ]
    book.workspace.record.commit(changes, fence=fence)
    for thing in everything(book):
        if not isinstance(thing, Named):
            assert len(repr(thing)) <= 104 and len(repr(thing).splitlines()) == 1, repr(thing)


def test_colours_stand_out_on_light_and_dark() -> None:
    """The colour of each state has a contrast of at least 3 to white and to the black of dark themes."""

    def luminance(color: str) -> float:
        """Relative luminance (WCAG 2.2)."""
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for color in COLORS.values():
        for other in ("#ffffff", "#111111"):
            lighter, darker = sorted((luminance(color), luminance(other)), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 3


def test_a_value_that_cannot_be_written_is_named() -> None:
    """A value whose class cannot write it, or with too many digits, is shown by its class."""

    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    assert shown(Broken()) == "(Broken)"
    assert shown(10**5000) == "(int)"


@settings(max_examples=60)
@given(st.recursive(st.text(), lambda parts: st.lists(parts, max_size=4), max_leaves=20), st.text())
def test_markup_is_well_formed_and_says_what_it_was_given(read_html: Read, parts: Any, title: str) -> None:
    """Elements of any texts close what they open, hold these texts, and have these attributes."""

    def drawn(part: Any) -> object:
        return part if isinstance(part, str) else tag("div", *map(drawn, part), title=title)

    found, text = read_html(tag("p", drawn(parts)))

    assert {name for name, _ in found} <= {"p", "div"}
    assert "\0" not in text and not re.search("[\u202a-\u202e]", text)
    if title.isascii() and title.isprintable():
        assert all(attributes["title"] == title for name, attributes in found if name == "div")


def test_markup_is_not_escaped_twice() -> None:
    """Markup within markup stays markup; text within it does not become any."""
    assert tag("b", tag("i", "a&b"), "<", class_="x", hidden=True, title=None) == (
        '<b class="x" hidden><i>a&amp;b</i>&lt;</b>'
    )
    assert joined(["<", Html("<br>"), None]) == "&lt;<br>"
