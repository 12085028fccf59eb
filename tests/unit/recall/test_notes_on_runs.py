"""Notes: what people write about runs, steps and versions, and its history."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from runlore import platform
from runlore.author.reads import unwatch, watch
from runlore.errors import ValueUnstorable
from runlore.recall.note import LARGEST

#: The `Book` of this folder's conftest, which cannot be imported by name.
Book = Any


def test_a_note_is_written_replaced_and_taken_away(book: Book) -> None:
    """Assigning writes the note in place of what it was; the history tells each writing, its time and its writer."""
    book.run()
    run, again = book.client.get("training/1"), book.client.get("training/1")
    assert run.note is None and run.note_history == ()

    run.note = "# Baseline\n\nDiverged *late*; lr é too high.\r\n"
    assert again.note == "# Baseline\n\nDiverged *late*; lr é too high.\r\n"
    run.note = "better"
    run.note = "better"
    for nothing in ("", "  \n", None):
        run.note = nothing
        assert again.note is None

    history = again.note_history
    assert [one.text for one in history] == ["# Baseline\n\nDiverged *late*; lr é too high.\r\n", "better", None]
    assert all(one.at.tzinfo is UTC and one.user == platform.user_name() for one in history)
    assert dict(again.metadata) == {}


def test_steps_versions_and_pipelines_have_notes_of_their_own(book: Book) -> None:
    """A note is about one thing."""
    book.run()
    run = book.client.get("training/1")
    things = [run, run.steps["train"], run.steps["load"], run.steps["train"].output, run.pipeline]
    for number, thing in enumerate(things):
        thing.note = f"note {number}"

    assert [thing.note for thing in things] == [f"note {number}" for number in range(5)]


def test_what_is_set_by_a_wrong_name_is_not_lost_in_silence(book: Book) -> None:
    """Setting what a handle does not have is an error that says what can be set."""
    book.run()
    run = book.client.get("training/1")

    with pytest.raises(AttributeError, match=r"training/1 has no 'notes' that can be set. Did you mean 'note'\?"):
        run.notes = "lost"
    with pytest.raises(AttributeError, match=r"log_metadata\(\{'accuracy': …\}\)"):
        run.steps["train"].accuracy = 0.9
    with pytest.raises(AttributeError, match="training/1/train/0 has no 'note', and nothing of it can be set"):
        run.steps["train"].task.note = "lost"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (3, "The note of training/1 is Markdown text, a str; 3 is an int"),
        (["a"], "is a list"),
        ("é" * (LARGEST // 2) + "x", "may have 65,536 bytes, and this one has 65,537.*save_artifact"),
    ],
    ids=["number", "list", "large"],
)
def test_what_is_no_note_is_refused(book: Book, wrong: Any, said: str) -> None:
    """Anything but text, and too much of it, is an error, and the note stays as it was."""
    book.run()
    run = book.client.get("training/1")
    run.note = "x" * LARGEST
    with pytest.raises(ValueUnstorable, match=said):
        run.note = wrong

    assert run.note == "x" * LARGEST


def test_reading_a_note_in_a_step_is_noted_and_writing_one_hides_secrets(book: Book) -> None:
    """A step that reads a note is not served again, and what it writes holds no secret of its run."""
    book.run()
    run = book.client.get("training/1")
    reads, token = watch(lambda: None, lambda noted: noted and noted.replace("opensesame", "<secret>"))
    try:
        run.note = "key: opensesame"
        assert run.note == "key: <secret>"
    finally:
        unwatch(token)

    assert list(reads.others) == ["the note of training/1"]
