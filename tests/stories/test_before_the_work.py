"""Before the work: what can be known to be wrong is said before a step runs; what cannot, once it is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest

from runlore import ArtifactConfig, Client, ExternalArtifact, pipeline, save_artifact, step
from runlore.errors import AlreadyExists, ConfigurationError, DefinitionError, NotFound, RunloreError, TypeMismatch

RAN: list[str] = []


@pytest.fixture(autouse=True)
def record(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty record, and nothing ran."""
    monkeypatch.setenv("RUNLORE_PROGRESS", "quiet")
    RAN.clear()
    return home


@step(enable_cache=False)
def slow() -> int:
    RAN.append("slow")
    return 1


@step
def text(value: str) -> str:
    return value


@step
def number(value: int) -> int:
    return value


@step
def release(value: int) -> Annotated[int, ArtifactConfig(name="model", version="1.0")]:
    return value


@step
def dated(value: int) -> Annotated[int, "model_{region}"]:
    return value


WRONG: list[tuple[str, Callable[[], Any], type[RunloreError], str]] = [
    ("a version that is taken", lambda: release(slow()), AlreadyExists, "'model' .*'1.0'"),
    ("a placeholder without a value", lambda: dated(slow()), DefinitionError, "region"),
    ("an artifact that is not there", lambda: (slow(), number(ExternalArtifact(name="modle"))), NotFound, "'model'"),
    ("an artifact looked up", lambda: (slow(), number(Client().get_artifact_version("modle"))), NotFound, "'model'"),
    ("types of two steps", lambda: text(slow()), TypeMismatch, "expected str, got int"),
    ("an option", lambda: (slow(), number.with_options(enable_cach=True)(1)), ConfigurationError, "'enable_cache'"),
]


@pytest.mark.parametrize(("body", "kind", "said"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_nothing_ran_that_could_not_succeed(body: Callable[[], Any], kind: type[RunloreError], said: str) -> None:
    """A mistake in the last step of a pipeline is an error before the first one runs, and leaves no version."""
    save_artifact(1, "model", version="1.0")

    @pipeline(name="doomed")
    def doomed() -> None:
        body()

    with pytest.raises(kind, match=f"(?s){said}"):
        doomed()

    assert RAN == []
    assert [version.version for version in Client().list_artifact_versions()] == ["1.0"]


def test_the_original_exception_with_its_cause() -> None:
    """The caller of a pipeline gets what the step raised, the very object with its cause, and where it was raised."""
    raised: list[Exception] = []

    @step
    def failing() -> None:
        try:
            {}["missing"]  # noqa: B018
        except KeyError as cause:
            raised.append(ValueError("no such row"))
            raise raised[0] from cause

    @pipeline
    def reading() -> None:
        failing()

    with pytest.raises(ValueError, match="no such row") as caught:
        reading()

    assert caught.value is raised[0]
    assert isinstance(caught.value.__cause__, KeyError)
    assert f"raised by step 'failing' of run '{reading.last_run.name}', attempt 0" in caught.value.__notes__
    assert "no such row" in str(reading.last_run.failure)


def test_equal_values_of_other_types_are_other_parameters() -> None:
    """``1``, ``True``, ``1.0`` and ``"1"`` never serve for each other, and come back as what they were."""

    @step
    def kind(value: Any) -> str:
        return type(value).__name__

    @pipeline
    def asking(value: Any) -> Any:
        return kind(value)

    given = [1, True, 1.0, "1", 0.0, -0.0, (1,), [1]]
    runs = [asking(value) for value in given]

    assert [run.status for run in runs] == ["completed"] * len(given)
    assert [run.output.load() for run in runs] == [type(value).__name__ for value in given]
    assert [repr(run.config.parameters["value"]) for run in reversed(Client().runs("asking")[:])] == [*map(repr, given)]
    assert [asking(value).status for value in given] == ["cached"] * len(given)


def test_a_deleted_file_is_computed_again(record: Path) -> None:
    """A result whose bytes are gone or damaged is made anew, never served."""

    @step
    def large() -> Annotated[bytes, "large"]:
        return bytes(range(256)) * 1000

    @pipeline
    def making() -> Any:
        return large()

    first = making()
    (file,) = [path for path in (record / "blobs").rglob("*") if path.is_file() and path.stat().st_size >= 256_000]
    file.unlink()
    again = making()

    assert again.status == "completed"
    assert again.output.load() == first.output.load() == bytes(range(256)) * 1000
    assert making().status == "cached"
