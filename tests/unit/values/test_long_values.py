"""Long texts and bytes, and texts of a kind: their payload is what they are, and memory holds them once."""

from __future__ import annotations

import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import runlore
from runlore import load_artifact, pipeline, save_artifact, step
from runlore.errors import ValueUnloadable
from runlore.testing.payloads import MemoryWriter, PayloadReader
from runlore.types import CSVString, HTMLString, JSONString, MarkdownString
from runlore.values.registry import by_name, materializer_for

KINDS = {
    HTMLString: ("html", ".html"),
    MarkdownString: ("markdown", ".md"),
    CSVString: ("csv", ".csv"),
    JSONString: ("json-string", ".json"),
}


def written(name: str, value: Any) -> bytes:
    writer = MemoryWriter()
    by_name(name).save(value, writer)
    return b"".join(writer.parts)


def loaded(name: str, payload: bytes) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        return by_name(name).load(PayloadReader(Path(folder), {}, payload))


texts = st.text(st.characters(exclude_categories=("Cs",)))


@settings(max_examples=40)
@given(texts)
def test_any_text_is_its_utf8(text: str) -> None:
    """A text is stored as its UTF-8 and nothing else, line ends and nulls included, and comes back in its class."""
    for cls, name in ((str, "text"), *((kind, name) for kind, (name, _) in KINDS.items())):
        payload = written(name, cls(text))
        found = loaded(name, payload)

        assert payload == text.encode()
        assert (type(found), found) == (cls, cls(text))


@settings(max_examples=40)
@given(st.binary())
def test_any_bytes_are_themselves(data: bytes) -> None:
    """Bytes are stored as they are, and come back in their class, writable or not as they were."""
    makers: dict[str, Callable[[bytes], Any]] = {
        "bytes": bytes,
        "bytearray": bytearray,
        "memoryview": memoryview,
        "memoryview-writable": lambda data: memoryview(bytearray(data)),
    }
    for name, make in makers.items():
        found = loaded(name, written(name, make(data)))

        assert written(name, make(data)) == data
        assert (type(found), bytes(found)) == (type(make(data)), data)
        assert getattr(found, "readonly", None) == getattr(make(data), "readonly", None)


def test_what_is_stored_as_it_is() -> None:
    """Length alone decides between text of the codec and the thing itself; half characters stay with the codec."""
    assert materializer_for("x" * 32_768).name == "json"
    assert materializer_for("é" * 32_769).name == "text"
    assert materializer_for("x" * 40_000 + "\ud800").name == "json"
    assert materializer_for(HTMLString("\ud800")).name == "cloudpickle"


def test_the_setting_of_inline_payloads_does_not_matter(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a payload lies is a setting; how a text is written is not, so its digest is the same."""
    digests = set()
    for limit in ("1", "32768", "10000000"):
        monkeypatch.setenv("RUNLORE_INLINE_LIMIT", limit)
        digests.add(save_artifact("x" * 40_000, f"text-{limit}").content.digest)
    assert len(digests) == 1


def test_kinds_of_text(home: Path, tmp_path: Path) -> None:
    """A step that returns such a text has an output of that class, of its kind, shown and downloaded as that file."""

    @step
    def report() -> HTMLString:
        return HTMLString("<h1>é</h1>")

    @step
    def several() -> tuple[MarkdownString, CSVString, JSONString]:
        return MarkdownString("# a\nb"), CSVString("a,b\n"), JSONString("{}")

    @step
    def read(page: HTMLString, text: str) -> str:
        assert type(page) is HTMLString
        return page + text

    @pipeline
    def texts() -> None:
        read(report(), several()[0])

    run = texts()
    outputs = [run.steps["report"].output, *run.steps["several"].outputs.values()]
    for version, (cls, (name, ending)) in zip(outputs, KINDS.items(), strict=True):
        text = version.load()
        assert type(text) is cls
        assert version.materializer == name
        assert version.artifact_type == "DataAnalysisArtifact"
        assert [(one.kind, one.data) for one in by_name(name).pictures(text)] == [
            (name.removesuffix("-string"), text.encode())
        ]
        (file,) = Path(version.download_files(str(tmp_path / name))).iterdir()
        assert (file.suffix, file.read_bytes()) == (ending, text.encode())
    assert outputs[1].run_metadata["lines"].value == 2
    assert run.steps["read"].output.load() == "<h1>é</h1># a\nb"
    assert {runlore.HTMLString, runlore.MarkdownString, runlore.CSVString, runlore.JSONString} == set(KINDS)


@pytest.mark.parametrize("make", [bytes, bytearray, lambda size: memoryview(bytearray(size))])
def test_long_bytes_are_in_memory_once(home: Path, make: Callable[[int], Any]) -> None:
    """Saving copies nothing, and loading makes the value and little else."""
    size = 32 << 20
    value = make(size)
    tracemalloc.start()
    try:
        save_artifact(value, "long")
        saving = tracemalloc.get_traced_memory()[1]
        load_artifact("long")
        loading = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert saving < 8 << 20
    assert loading < size + (8 << 20)


def test_a_long_text_is_in_memory_once(home: Path) -> None:
    """A text is turned into bytes, and back, piece by piece or from a mapped file."""
    value = "x" * (32 << 20)
    tracemalloc.start()
    try:
        save_artifact(value, "long")
        saving = tracemalloc.get_traced_memory()[1]
        load_artifact("long")
        loading = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert saving < 8 << 20
    assert loading < len(value) + (8 << 20)


def test_what_is_no_text_is_an_error() -> None:
    """A payload that is no UTF-8 is the typed error."""
    for payload in (b"\xff", b"x" * (2 << 20) + b"\xff"):
        with pytest.raises(ValueUnloadable, match="not text"):
            loaded("text", payload)
