"""The report of a run: one file that needs nothing, does nothing, stays small, and tells what happened."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runlore.errors import AlreadyExists
from runlore.model.artifact import KeptPicture
from runlore.model.change import (
    Input,
    LogWritten,
    NewStep,
    PicturesKept,
    RunFinished,
    StepFinished,
    StepsPlanned,
    StepStarted,
    TaskFinished,
)
from runlore.model.run import Failure
from runlore.model.status import Status
from runlore.recall.page import POLICY
from runlore.recall.report.room import Room
from runlore.recall.report.style import STYLE
from runlore.values.codec import encode

Read = Callable[[str], tuple[list[tuple[str, dict[str, str]]], str]]

ATTACK = "</title></pre></details><script>document.title='owned'</script><img src=x onerror=document.title='owned'>'\">"
ATTACK += "<svg onload=\"document.title='owned'\"></svg><a href=javascript:alert(1)>x</a>"


def _step(index: int, name: str, **given: Any) -> NewStep:
    return NewStep(index=index, name=name, definition="{}", definition_digest=bytes(32), **given)


def report_of(book: Any, run: Any) -> str:
    """The report of a run of the record."""
    return book.client.run_of(book.workspace.record.run(run.seq)).to_html()


def text_of(page: str) -> str:
    """What is read in a page."""
    return unescape(re.sub(r"<[^>]*>", "", page.partition("</style>")[2]))


def without_pictures(page: str) -> int:
    """Bytes of a page that are not of pictures."""
    return len(re.sub(r"<figure>.*?</figure>", "", page, flags=re.DOTALL).encode())


def test_a_run_is_told(book: Any, read_html: Read) -> None:
    """A report tells state and times, how it was called, the graph, the timeline, artifacts, steps and logs."""
    run = book.run(parameters={"lr": 0.25})
    page = report_of(book, run)
    found, _ = read_html(page)
    text = text_of(page)

    assert [a["id"] for name, a in found if name == "section"] == [
        "graph",
        "timeline",
        "parameters",
        "artifacts",
        "steps",
    ]
    for words in ("training/1", "completed", "in 2.0s", "0.25", "artifact:model@1", "reading", "no earlier"):
        assert words in text or words == "no earlier", words
    assert "load: completed" in text and re.search(r"waits for\s*load", text)
    digest = book.client.get_artifact_version("model").digest
    assert digest[7:19] in text


def test_where_a_run_came_from_is_told(book: Any) -> None:
    """The head names who ran it, at which commit, the run that it resumes, even if deleted, and what started it."""
    first = book.run()
    git = encode({"git": {"commit": "a" * 40, "branch": "trunk", "dirty": True, "diff": None}})
    event = {"name": "nightly", "type": "schedule", "id": None, "timestamp": None, "payload": {}}
    second, _ = book.begin(
        user="ada", host="loom", git_commit="a" * 40, config=git, origin=first.id, trigger=encode({"events": [event]})
    )
    text = text_of(report_of(book, second))
    assert "ada@loom" in text and "Resumes training/1" in text and "Started by nightly" in text
    assert "Git commit aaaaaaaaaaa… on trunk, with changes that were not committed" in text

    book.client.delete_run(str(first.id))
    assert f"Resumes run {first.id}, which was deleted" in text_of(report_of(book, second))


def test_a_note_is_markdown_and_nothing_else(book: Any, read_html: Read) -> None:
    """The note of a run stands near the top as its Markdown says, hostile or long as it may be; its writer is named."""
    run = book.run()
    handle = book.client.run_of(run)
    assert 'id="note"' not in report_of(book, run)

    handle.note = f"# Good\n\nuse **this** one\n\n{ATTACK}\n\n[out](javascript:alert(1)) [in](https://a.example/)"
    page = report_of(book, run)
    found, text = read_html(page)
    assert "<h3>Good</h3>" in page and "<strong>this</strong>" in page and "<script" not in page
    assert page.index('id="note"') < page.index('id="graph"')
    assert [a["href"] for name, a in found if a.get("target")] == ["https://a.example/"]
    assert "use **this** one" in read_html(handle._repr_html_())[1]

    handle.steps["train"].note = "slow but steady"
    handle.outputs["model"].note = "keep me"
    text = text_of(report_of(book, run))
    assert "slow but steady" in text and "keep me" in text
    assert "slow but steady" in handle.steps["train"]._repr_html_()
    assert "keep me" in handle.outputs["model"]._repr_html_()

    handle.note = '"&<>' * 15_000
    page = report_of(book, run)
    read_html(page)
    assert re.search(r"… and [\d,]+ more characters", page) and len(page) < 60_000


def test_each_attempt_has_its_bar(book: Any, read_html: Read) -> None:
    """A task that was tried again has a bar for each attempt, as long as it took, in the colour of how it ended."""
    run, fence = book.begin()
    start = run.created

    def at(seconds: float) -> Any:
        return start + timedelta(seconds=seconds)

    failure = Failure(type="E", message="once")
    changes = [
        StepsPlanned(steps=(_step(0, "train"),)),
        TaskFinished(step=0, attempt=0, status=Status.FAILED, started=at(0), ended=at(2.5), failure=failure),
        TaskFinished(step=0, attempt=1, status=Status.COMPLETED, started=at(5), ended=at(10)),
        StepFinished(index=0, status=Status.COMPLETED, ended=at(10)),
        RunFinished(status=Status.COMPLETED, ended=at(10)),
    ]
    book.workspace.record.commit(changes, fence=fence)
    page = report_of(book, run)
    bars = [attributes for _, attributes in read_html(page)[0] if attributes.get("class") == "bar"]

    assert [(bar["title"], re.findall("(?:left|width):([0-9.]+)%", bar["style"])) for bar in bars] == [
        ("train, attempt 0: failed after 2.5s", ["0.00", "25.00"]),
        ("train, attempt 1: completed after 5.0s", ["50.00", "50.00"]),
    ]
    assert "failed" in bars[0]["style"] and "completed" in bars[1]["style"]
    assert "2 attempts, 1 of them repeated" in text_of(page)


def test_links_within_lead_somewhere(book: Any, read_html: Read) -> None:
    """Every link within the page leads to an id that is there once; what it leads to can be told apart."""
    found, _ = read_html(report_of(book, book.run(status=Status.FAILED)))
    ids = [attributes["id"] for _, attributes in found if "id" in attributes]

    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for _, a in found if a.get("href", "").startswith("#")} <= set(ids)
    assert "#step-1" in {a.get("href") for name, a in found}


def test_a_failure_stands_first(book: Any) -> None:
    """What made a run fail is told at the top with its traceback, and its step is unfolded."""
    page = report_of(book, book.run(status=Status.FAILED))

    assert page.index('id="failure"') < page.index('id="graph"')
    assert "builtins.ValueError" in page and "too hot" in page and "Traceback …" in page
    assert page.count("<details open>") >= 1


@pytest.mark.parametrize("ended", [None, Status.INTERRUPTED, Status.CANCELLED, Status.COMPLETED])
@pytest.mark.parametrize("planned", [0, 2])
def test_every_state_has_a_report(book: Any, read_html: Read, ended: Status | None, planned: int) -> None:
    """A run that is running, was stopped or holds nothing is told as it stands, in a page that is well formed."""
    run, fence = book.begin()
    changes: list[Any] = [StepsPlanned(steps=tuple(_step(index, f"s{index}") for index in range(planned)))]
    if planned:
        changes.append(StepStarted(index=0, at=run.created))
    if ended is not None:
        if ended is Status.COMPLETED:
            changes += [StepFinished(index=n, status=Status.CACHED, ended=run.created) for n in range(planned)]
        changes.append(RunFinished(status=ended, ended=run.created + timedelta(seconds=1)))
    book.workspace.record.commit(changes, fence=fence)
    page = report_of(book, run)
    read_html(page)

    assert str(book.workspace.record.run(run.seq).status) in text_of(page)
    assert ("No step was planned." in page) == (planned == 0)


def test_a_mapped_step_is_one_hill(book: Any, read_html: Read) -> None:
    """Of a step of 10,000 tasks the timeline draws how many ran, and the report stays small."""
    run = book.mapped(list(range(10_000)))
    page = report_of(book, run)
    read_html(page)

    assert "10,000 tasks" in page and 'preserveAspectRatio="none"' in page
    assert without_pictures(page) < 60_000


def hostile(book: Any, text: str, *, steps: int = 3) -> Any:
    """A failed run whose every text is ``text``."""
    run, fence = book.begin(text[:255], parameters={text[:200]: text, "plain": [text]})
    made = book._output(text[:255], uuid4(), text)
    changes: list[Any] = [
        StepsPlanned(steps=tuple(_step(n, f"{n}{text}"[:255], upstream=range(n)[-2:]) for n in range(steps)))
    ]
    failure = Failure(type=text, message=text, traceback=f"{text}\n" * 3)
    line = text.replace("\\", "\\\\").replace("\n", "\\n")
    for index in range(steps):
        if index:
            given: dict[str, Any] = {"status": Status.FAILED, "failure": failure}
        else:
            given = {"outputs": (made,)}
        changes += [
            book._task(index, run.created, **given),
            LogWritten(step=index, item=0, attempt=0, part=0, text=f"1000000 o {line}\n2000000 e {line}\n"),
            StepFinished(index=index, status=Status.FAILED if index else Status.COMPLETED, ended=run.created),
        ]
    changes.append(RunFinished(status=Status.FAILED, ended=run.created))
    book.workspace.record.commit(changes, fence=fence)
    handle = book.client.run_of(book.workspace.record.run(run.seq))
    key = "".join(char for char in text if char.isprintable())[:200].strip() or "key"
    handle.log_metadata({key: text})
    for version in handle.steps.values().__iter__().__next__().outputs.values():
        version.log_metadata({key: text})
        kinds = [("html", None), ("image", "image/svg+xml"), ("csv", None), ("markdown", None), ("json", None)]
        kept = tuple(
            KeptPicture(kind=kind, name=text, media_type=media, size=len(text), data=text.encode("utf-8", "replace"))
            for kind, media in kinds
        )
        version.keep_pictures(PicturesKept(version=version.seq, element=None, pictures=kept))
    return run


def test_nothing_in_it_acts(book: Any, read_html: Read) -> None:
    """Whatever the record says, the page has a policy that forbids all but itself, and nothing that it forbids."""
    page = report_of(book, hostile(book, ATTACK))
    found, _ = read_html(page)

    assert {name for name, _ in found} <= {
        *(
            "html",
            "head",
            "meta",
            "title",
            "style",
            "body",
            "main",
            "header",
            "nav",
            "section",
            "footer",
            "div",
            "span",
        ),
        *("h1", "h2", "h3", "p", "a", "strong", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "details"),
        *("summary", "figure", "figcaption", "img", "iframe", "svg", "g", "path", "rect", "circle", "text", "em"),
    }
    for name, attributes in found:
        assert not [key for key in attributes if key.startswith("on")], (name, attributes)
        assert attributes.get("href", "#").startswith(("#", "https://", "http://", "mailto:"))
        if name == "iframe":
            assert attributes["sandbox"] == "" and "src" not in attributes and POLICY in attributes["srcdoc"]
        elif name == "img":
            assert attributes["src"].startswith("data:image/")
        else:
            assert "src" not in attributes
    (policy,) = (a["content"] for name, a in found if a.get("http-equiv") == "Content-Security-Policy")
    assert policy == POLICY and "script" not in policy and policy.startswith("default-src 'none'")
    assert "alert(1)" in text_of(page)


def test_terminals_colours_are_left_out_and_control_characters_are_written_out(book: Any) -> None:
    """A log has neither the colours of a terminal nor what was overwritten; other control characters are escapes."""
    run = hostile(book, "fine")
    record = book.workspace.record
    other, fence = book.begin()
    text = "\\x1b[1;31mred\\x1b[0m\\x1b]8;;http://x\\x07link\\x1b\\\\ 10%\\r90%\\x00\\u202e"
    changes = [
        StepsPlanned(steps=(_step(0, "a"),)),
        book._task(0, run.created),
        LogWritten(step=0, item=0, attempt=0, part=0, text=f"1000000 o {text}\n2000000 e warned\n"),
        StepFinished(index=0, status=Status.COMPLETED, ended=run.created),
        RunFinished(status=Status.COMPLETED, ended=run.created),
    ]
    record.commit(changes, fence=fence)
    page = report_of(book, other)

    assert "90%\\x00\\u202e" in page and "10%" not in page and "\x1b" not in page and "[1;31m" not in page
    assert '<span class="e">warned</span>' in page


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60))
def test_any_text_makes_a_page_that_is_well_formed(book: Any, read_html: Read, text: str) -> None:
    """Whatever names and values are, every element of a report is closed where it should be."""
    run = hostile(book, f"p{text}")
    found, _ = read_html(report_of(book, run))

    assert {"script", "link", "form", "object"}.isdisjoint(name for name, _ in found)


@pytest.mark.parametrize("filling", ['"&<>', "\U0001f600", "x"], ids=["escapes", "wide", "plain"])
def test_a_large_run_stays_below_300_kb(book: Any, read_html: Read, filling: str) -> None:
    """However many steps, long texts and logs a run has, its report without pictures is below 300 kB, and counts."""
    long = (filling * 4_000)[:4_000]
    run = hostile(book, long, steps=150)
    page = report_of(book, run)
    found, _ = read_html(page)

    assert without_pictures(page) < 300_000
    assert re.search(r"… and [\d,]+ more steps", page)
    ids = {attributes["id"] for _, attributes in found if "id" in attributes}
    assert {a["href"][1:] for _, a in found if a.get("href", "").startswith("#")} <= ids


def test_a_run_of_10_000_steps_is_told_in_part(book: Any) -> None:
    """Of a run of 10,000 steps the report tells as many as it has room for, those that failed among them."""
    run, fence = book.begin()
    steps = tuple(
        _step(index, f"one_of_many_steps_{index}", upstream=(index - 1,) if index else ()) for index in range(10_000)
    )
    changes: list[Any] = [StepsPlanned(steps=steps)]
    changes.append(book._task(9_000, run.created, status=Status.FAILED, failure=Failure(type="E", message="late")))
    changes.append(StepFinished(index=9_000, status=Status.FAILED, ended=run.created))
    changes.append(RunFinished(status=Status.FAILED, ended=run.created))
    book.workspace.record.commit(changes, fence=fence)
    page = report_of(book, run)

    assert without_pictures(page) < 300_000
    assert "one_of_many_steps_9000" in page and "late" in page and re.search(r"… and 9,9\d\d more", page)


def test_long_logs_end_with_their_end(book: Any) -> None:
    """Of a long log the last lines are told, and how many came before."""
    run, fence = book.begin()
    lines = "".join(f"{1_000_000 + number} o line {number}\n" for number in range(20_000))
    changes = [
        StepsPlanned(steps=(_step(0, "a"),)),
        book._task(0, run.created),
        LogWritten(step=0, item=0, attempt=0, part=0, text=lines),
        StepFinished(index=0, status=Status.COMPLETED, ended=run.created),
        RunFinished(status=Status.COMPLETED, ended=run.created),
    ]
    book.workspace.record.commit(changes, fence=fence)
    text = text_of(report_of(book, run))

    earlier = re.search(r"([\d,]+) earlier lines", text)
    assert earlier is not None
    first = int(earlier[1].replace(",", ""))
    assert re.findall(r"line (\d+)", text) == [str(number) for number in range(first, 20_000)] and first < 19_900


def test_kept_pictures_are_in_it_and_nothing_is_drawn(book: Any) -> None:
    """Pictures that are kept are part of the file; others are drawn only when that is asked for."""
    book.run(value=7)
    version = book.client.get_artifact_version("model")
    run = book.client.get("training/1")

    assert "<figure>" not in run.to_html() and version.kept_pictures() == ()
    assert "weight" in run.to_html(draw=True) and version.kept_pictures() != ()
    assert "<figure>" in run.to_html()


def test_an_earlier_report_is_replaced_and_nothing_else(book: Any, tmp_path: Path) -> None:
    """A report replaces a report; another file is kept unless somebody says so, and nothing is left beside it."""
    book.run()
    run, path = book.client.get("training/1"), tmp_path / "new" / "report.html"

    assert run.report(path) == path and path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert run.report(str(path)) == path
    path.write_text("mine")
    with pytest.raises(AlreadyExists, match="overwrite"):
        run.report(path)
    assert path.read_text() == "mine"
    run.report(path, overwrite=True)
    assert "training/1" in path.read_text(encoding="utf-8")
    with pytest.raises(AlreadyExists, match=r"report\.html"):
        run.report(tmp_path, overwrite=True)
    assert [one.name for one in path.parent.iterdir()] == ["report.html"]


def test_room_is_counted_in_bytes_as_they_are_written() -> None:
    """Lines that are escaped or wide take as many bytes as they will have in the file."""
    assert Room(11).lines(["&&", "x"]) == ["&&"]
    assert Room(10).lines(["&&", "x"]) == []
    assert Room(5).lines(["\U0001f600", "x"]) == ["\U0001f600"]


def test_texts_stand_out_from_their_ground() -> None:
    """Every colour of text has a contrast of at least 4.5 to both grounds, light and dark (WCAG 2.2, 1.4.3)."""

    def luminance(color: str) -> float:
        digits = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = re.findall(r":root\{([^}]*)\}", STYLE)
    for theme in (light, dark):
        colors = dict(re.findall(r"--([\w-]+):(#[0-9a-f]+)", theme))
        assert len(colors) == 14
        for name, color in colors.items():
            if name in ("line", "back", "band"):
                continue
            for ground in ("back", "band"):
                lighter, darker = sorted((luminance(color), luminance(colors[ground])), reverse=True)
                assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (name, ground)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Debian's chromium")
def test_nothing_acts_in_a_browser(book: Any, tmp_path: Path) -> None:
    """A browser that opens a report of a hostile run changes nothing: its title is what the page says."""
    run = hostile(book, ATTACK)
    path = book.client.run_of(book.workspace.record.run(run.seq)).report(tmp_path / "report.html")
    command = ("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000", "--dump-dom")
    done = subprocess.run(
        [*command, f"--user-data-dir={tmp_path / 'browser'}", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    found = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)

    assert found is not None, done.stderr
    assert found[1] != "owned" and found[1].endswith("· failed")


def test_lineage_tells_what_came_from_elsewhere_and_went_there(book: Any, read_html: Read) -> None:
    """A run that took from another, or gave to one, is drawn between them; one that did neither has no such section."""
    first = book.run()
    alone = report_of(book, first)
    assert 'id="lineage"' not in alone

    made = book.client.get_artifact_version("model")
    run, fence = book.begin("judging")
    changes = [
        StepsPlanned(steps=(_step(0, "judge"),)),
        book._task(0, run.created, inputs=(Input(name="model", version=made.id),)),
        StepFinished(index=0, status=Status.COMPLETED, ended=run.created),
        RunFinished(status=Status.COMPLETED, ended=run.created),
    ]
    book.workspace.record.commit(changes, fence=fence)
    for page, other in ((report_of(book, first), "judging/1: judge"), (report_of(book, run), "training/1: train")):
        found, _ = read_html(page)
        drawn = page[page.index('id="lineage"') :].partition("</section>")[0]
        assert "this run" in drawn and "model@1" in drawn
        assert other in drawn and "data@1" not in drawn
    _, text = read_html(book.client.get("judging/1").lineage()._repr_html_())
    assert "artifact:model@1" in text and "went into:" in text
