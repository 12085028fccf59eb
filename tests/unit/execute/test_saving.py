"""Versions that are made by hand: saved, registered, brought in from outside; and how outputs are named and stored."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import numpy as np
import pytest

from runlore import (
    ArtifactConfig,
    ExternalArtifact,
    load_artifact,
    pipeline,
    register_artifact,
    save_artifact,
    step,
)
from runlore.author.current import use_workspace
from runlore.client import Client
from runlore.errors import (
    AlreadyExists,
    ArtifactChanged,
    ArtifactDeleted,
    ArtifactMissing,
    ConfigurationError,
    DefinitionError,
    NameInvalid,
    NotFound,
    ValueUnstorable,
)
from runlore.settings import Settings
from runlore.values.materializer import Materializer, Picture, Reader, Writer
from runlore.workspace import Workspace

REVERSED = f"{__name__}.ReversedMaterializer"


class ReversedMaterializer(Materializer):
    """Stores text from its end."""

    def save(self, value: Any, writer: Writer) -> None:
        writer.write(value[::-1].encode())

    def load(self, reader: Reader) -> Any:
        return reader.read().decode()[::-1]

    def metadata(self, value: Any) -> dict[str, Any]:
        return {"letters": len(value)}

    def pictures(self, value: Any) -> tuple[Picture, ...]:
        return (Picture(kind="markdown", data=b"drawn"),)


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace of the test's own, in force for pipelines and `Client()`."""
    opened = Workspace.open(Settings(home=tmp_path / "home", durability="relaxed", progress="quiet"))
    with use_workspace(opened):
        yield opened
        assert [finding for finding in opened.record.check() if not finding.harmless] == []
    opened.close()


@pytest.fixture
def store() -> Path:
    """The folder for files that are to be registered."""
    return Path(Client().active_stack.artifact_store.path)


@step
def read(path: Path) -> Annotated[str, "text"]:
    return "".join(file.read_text() for file in sorted(path.iterdir())) if path.is_dir() else path.read_text()


def test_everything_that_can_be_said_about_a_saved_value() -> None:
    """Version, tags, metadata from both words, type, materializer and description are as they were asked for."""
    version = save_artifact(
        "abc",
        "model",
        "v1",
        tags=["t", "t"],
        metadata={"a": 1, "b": 1},
        user_metadata={"b": np.float64(2)},
        artifact_type="ModelArtifact",
        materializer=ReversedMaterializer,
    )

    assert (version.name, version.version, version.tags, version.artifact_type) == (
        "model",
        "v1",
        ("t",),
        "ModelArtifact",
    )
    assert dict(version.metadata) == {"storage_size": 3, "letters": 3, "a": 1, "b": 2.0}
    assert (version.save_type, version.materializer, version.load()) == ("manual", REVERSED, "abc")
    assert load_artifact("model", "v1") == load_artifact(version.id) == load_artifact(str(version.id)) == "abc"


def test_description_and_pictures_can_be_left_out() -> None:
    """`extract_metadata=False` notes nothing of the value; `include_visualizations=False` has no pictures made."""
    plain = save_artifact("abc", "a", materializer=REVERSED, extract_metadata=False, include_visualizations=False)
    drawn = save_artifact("abc", "a", materializer=REVERSED)

    assert dict(plain.metadata) == {"storage_size": 3}
    assert dict(drawn.metadata) == {"storage_size": 3, "letters": 3}
    assert "drawn" not in Path(str(plain.visualize())).read_text()
    assert "drawn" in Path(str(drawn.visualize())).read_text()


def test_what_cannot_be_is_refused_before_the_value_is_stored(workspace: Workspace) -> None:
    """A taken label, a bad name, tag, type or key is refused while nothing is written."""
    save_artifact(1, "model", version="1")
    large = np.zeros(100_000)

    for problem, given in (
        (AlreadyExists, {"version": "1"}),
        (NameInvalid, {"version": "latest"}),
        (NameInvalid, {"name": ""}),
        (ConfigurationError, {"tags": "lone"}),
        (ConfigurationError, {"artifact_type": 3}),
        (ValueUnstorable, {"metadata": {"x": object()}}),
        (DefinitionError, {"materializer": dict}),
    ):
        with pytest.raises(problem):
            save_artifact(large, **{"name": "model", **given})
    assert list(workspace.blobs.list()) == [] and len(Client().list_artifact_versions()) == 1


def test_a_registered_folder_stays_where_it_is(store: Path, workspace: Workspace) -> None:
    """Nothing is copied; the value is the path itself, and the version tells size and number of files."""
    (store / "data" / "sub").mkdir(parents=True)
    (store / "data" / "a.txt").write_text("one")
    (store / "data" / "sub" / "b.txt").write_text("three")
    version = register_artifact(
        folder_or_file_uri=str(store / "data"), name="data", version="v1", tags=["t"], metadata={"x": 1}
    )

    assert version.load() == version.data == load_artifact("data") == store / "data"
    assert type(version.load()) is type(Path())
    assert (version.type, version.save_type, version.version, version.tags) == (
        "pathlib.Path",
        "registered",
        "v1",
        ("t",),
    )
    noted = {"storage_size": 8, "path": str(store / "data"), "files": 2, "x": 1}
    assert dict(version.metadata) == noted and version.size == 8
    assert sum(size for _, size in workspace.blobs.list()) < 1000


def test_registered_files_are_an_input_like_any_other(store: Path) -> None:
    """A step takes the path; it is served again while content and place are the same, by name or as an argument."""
    file = store / "a.txt"
    file.write_text("one")
    register_artifact(file, "data")

    @pipeline
    def reading() -> Any:
        return read(Client().get_artifact_version("data"))

    first, second = reading(), reading()
    assert (first.output.load(), first.status, second.status) == ("one", "completed", "cached")
    assert first.steps["read"].inputs["path"] == Client().get_artifact_version("data")

    file.write_text("two")
    register_artifact(file, "data")
    third = reading()
    assert (third.output.load(), third.status) == ("two", "completed")
    (store / "b.txt").write_text("two")
    register_artifact(store / "b.txt", "data")
    assert reading().status == "completed"


def test_registering_again_what_has_not_changed_gives_the_version_there_is(store: Path) -> None:
    """The newest version is returned, with tags and metadata added; another label, or a change, makes a new one."""
    file = store / "a.txt"
    file.write_text("one")
    first = register_artifact(file, "data", tags=["a"])
    again = register_artifact(file, "data", tags=["b"], run_metadata={"x": 1})

    assert again == first and first.tags == ("a", "b") and first.metadata["x"] == 1
    assert register_artifact(file, "data", version="1") == first
    labelled = register_artifact(file, "data", version="v2")
    assert labelled != first and labelled.version == "v2"
    assert register_artifact(file, "other") != labelled
    file.write_text("two")
    assert register_artifact(file, "data").version == "2"
    file.write_text("one")
    assert register_artifact(file, "data").version == "3"
    with pytest.raises(AlreadyExists):
        register_artifact(file, "data", version="v2")


def test_what_changed_since_is_not_loaded(store: Path) -> None:
    """Loading says which file of which version changed or is gone, and what helps; a step that takes it fails so."""
    (store / "data").mkdir()
    (store / "data" / "a.txt").write_text("one")
    version = register_artifact(store / "data", "data")

    @pipeline
    def reading() -> None:
        read(version)

    (store / "data" / "a.txt").write_text("two")
    with pytest.raises(ArtifactChanged, match=r"artifact:data@1, registered .*'a\.txt'.*register it again"):
        version.load()
    with pytest.raises(ArtifactChanged, match=r"'a\.txt'"):
        reading()
    (store / "data" / "a.txt").unlink()
    (store / "data").rmdir()
    with pytest.raises(ArtifactMissing, match="not there any more"):
        version.load()


def test_paths_elsewhere_are_registered_when_asked(tmp_path: Path) -> None:
    """`outside=True` records a path anywhere; a missing one is refused in any case."""
    outside = tmp_path / "x.txt"
    outside.write_text("x")

    with pytest.raises(ValueUnstorable, match="outside=True"):
        register_artifact(outside, "x")
    assert register_artifact(outside, "x", outside=True).load() == outside
    with pytest.raises(ArtifactMissing):
        register_artifact(tmp_path / "none", "x", outside=True)
    assert len(Client().get_artifact("x").versions) == 1


def test_a_home_that_moved_takes_its_registered_files_along(workspace: Workspace, store: Path, tmp_path: Path) -> None:
    """What lies in the record's own folder is found again when the record is somewhere else."""
    (store / "a.txt").write_text("one")
    register_artifact(store / "a.txt", "data")
    workspace.close()
    os.rename(workspace.settings.home, tmp_path / "moved")

    moved = Workspace.open(workspace.settings._replace(home=tmp_path / "moved"))
    assert moved.client.get_artifact_version("data").load() == tmp_path / "moved" / "files" / "a.txt"
    os.rename(tmp_path / "moved", workspace.settings.home)
    moved.close()
    workspace.record = Workspace.open(workspace.settings).record


def test_what_a_step_registers_shows_among_what_it_saved(store: Path) -> None:
    """A version that a step registers is tied to it, once, however often it is registered."""

    @step
    def write() -> int:
        (store / "c.txt").write_text("c")
        for _ in range(2):
            register_artifact(store / "c.txt", "checkpoint")
        return 1

    @pipeline
    def writing() -> None:
        write()

    saved = writing().steps["write"].saved_artifacts

    assert list(saved) == ["checkpoint"] and saved["checkpoint"].load() == store / "c.txt"


def test_values_from_outside() -> None:
    """`ExternalArtifact(value=...)` is a version of save type external, stored as its arguments say, at every run."""

    @step
    def take(text: str) -> str:
        return text

    @pipeline
    def taking() -> Any:
        return take(
            ExternalArtifact(
                value="abc",
                name="outside",
                materializer=ReversedMaterializer,
                store_artifact_metadata=False,
                store_artifact_visualizations=False,
            )
        )

    runs = [taking(), taking()]
    version = runs[0].steps["take"].inputs["text"]

    assert [run.status for run in runs] == ["completed", "completed"]
    assert (version.name, version.version, version.save_type, version.materializer) == (
        "outside",
        "1",
        "external",
        REVERSED,
    )
    assert dict(version.metadata) == {"storage_size": 3}
    assert runs[0].output.load() == "abc" and "drawn" not in Path(str(version.visualize())).read_text()


def test_recorded_versions_from_outside() -> None:
    """`ExternalArtifact` finds a version by id, name, name and label, or alias; what is not there is told at once."""
    first = save_artifact(1, "data")
    save_artifact(2, "data")
    first.promote("golden")

    @step
    def take(x: int) -> int:
        return x

    def taken(**arguments: Any) -> Any:
        @pipeline
        def taking() -> Any:
            return take(ExternalArtifact(**arguments))

        return taking().output.load()

    assert [taken(id=first.id), taken(id=str(first.id)), taken(name="data")] == [1, 1, 2]
    assert [taken(name="data", version="1"), taken(name="data", version="golden")] == [1, 1]
    for wrong in ({"id": uuid4()}, {"name": "date"}, {"name": "data", "version": "9"}):
        with pytest.raises(NotFound):
            taken(**wrong)
    for wrong in (
        {},
        {"id": first.id, "value": 1},
        {"id": first.id, "name": "data"},
        {"id": first.id, "version": "1"},
        {"id": str(first.id)[:8]},
        {"value": 1, "version": "1"},
        {"name": "data", "materializer": ReversedMaterializer},
    ):
        with pytest.raises(DefinitionError):
            ExternalArtifact(**wrong)


def test_everything_that_can_be_said_about_an_output() -> None:
    """Each field of `ArtifactConfig` is on the version that the output becomes."""

    @step(substitutions={"kind": "train"})
    def make() -> Annotated[
        str,
        ArtifactConfig(
            name="{kind}_text",
            version="{kind}-7",
            tags=["t"],
            run_metadata={"x": 1},
            is_model_artifact=True,
            materializer=ReversedMaterializer,
        ),
    ]:
        return "abc"

    @step
    def other() -> Annotated[str, ArtifactConfig(artifact_type="DataAnalysisArtifact")]:
        return "d"

    @pipeline
    def making() -> None:
        make()
        other()

    run = making()
    version = run.steps["make"].output

    assert (version.name, version.version, version.tags, version.metadata["x"]) == ("train_text", "train-7", ("t",), 1)
    assert (version.artifact_type, version.materializer, version.load()) == ("ModelArtifact", REVERSED, "abc")
    assert (version.annotated_type, version.type) == ("builtins.str", "builtins.str")
    unnamed = run.steps["other"].output
    assert (unnamed.name, unnamed.artifact_type) == ("making::other::output", "DataAnalysisArtifact")
    with pytest.raises(AlreadyExists, match="'train-7'"):
        making.with_options(enable_cache=False)()


def test_versions_and_materializers_from_a_file(tmp_path: Path) -> None:
    """A YAML file gives version, tags, metadata, type and materializer of an output, and materializers of a step."""
    (tmp_path / "run.yaml").write_text(
        f"""
steps:
  make:
    outputs:
      text:
        artifact_config:
          version: raw_2023
          tags: [golden]
          run_metadata: {{x: 1}}
          artifact_type: ModelArtifact
          materializer: {REVERSED}
  several:
    output_materializers: {{a: {REVERSED}}}
  all:
    output_materializers: {REVERSED}
"""
    )

    @step
    def make() -> Annotated[str, "text"]:
        return "abc"

    @step
    def several() -> tuple[Annotated[str, "a"], Annotated[str, "b"]]:
        return "a", "b"

    @pipeline
    def configured() -> None:
        make()
        several()
        several(id="all")

    run = configured.with_options(config_path=str(tmp_path / "run.yaml"))()
    text = run.steps["make"].output

    assert (text.version, text.tags, text.metadata["x"], text.artifact_type) == (
        "raw_2023",
        ("golden",),
        1,
        "ModelArtifact",
    )
    assert text.materializer == REVERSED and text.load() == "abc"
    assert [run.steps["several"].outputs[name].materializer for name in "ab"] == [REVERSED, "json"]
    assert [run.steps["all"].outputs[name].materializer for name in "ab"] == [REVERSED, REVERSED]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output_materializers": {"txet": ReversedMaterializer}}, "no output 'txet'.*'text'"),
        ({"output_materializers": "revresed"}, "No materializer is called 'revresed'"),
        ({"output_materializers": "runlore.values.nowhere.Nothing"}, "runlore.values.nowhere.Nothing does not exist"),
        ({"output_materializers": {"text": dict}}, "A materializer is a class"),
        ({"outputs": {"txet": ArtifactConfig(version="1")}}, "no output 'txet'.*'text'"),
    ],
)
def test_a_wrong_output_or_materializer_is_refused_before_the_work(options: dict[str, Any], message: str) -> None:
    """Unknown outputs and unknown materializers are errors before any step has run."""
    ran: list[int] = []

    @step
    def make() -> Annotated[str, "text"]:
        ran.append(1)
        return "abc"

    @pipeline
    def making() -> None:
        make.with_options(**options)()

    with pytest.raises(ConfigurationError, match=f"(?s){message}"):
        making()
    assert ran == [] and len(Client().runs()) == 0


def test_two_outputs_of_one_version_are_refused_before_the_work() -> None:
    """Two steps that would make the same custom version, or one that an alias stands for, never start."""
    ran: list[int] = []

    @step
    def make(x: int) -> Annotated[int, ArtifactConfig(name="model", version="best")]:
        ran.append(x)
        return x

    @pipeline
    def twice() -> None:
        make(1)
        make(2)

    @pipeline
    def once() -> None:
        make(1)

    with pytest.raises(DefinitionError, match="would both make version 'best'"):
        twice()
    save_artifact(0, "model").promote("best")
    with pytest.raises(AlreadyExists, match="'best'"):
        once()
    assert ran == []


def test_a_value_is_described_by_what_was_promised_and_what_was_stored() -> None:
    """The annotated type and the stored one are both told, for outputs, collections and what has no annotation."""

    @step
    def arrays() -> tuple[
        Annotated[object, "any"], Annotated["np.ndarray | None", "maybe"], Annotated[list[int], "ints"]
    ]:
        return np.zeros(1), np.zeros(1), [1]

    @step
    def silent(x: int):  # type: ignore[no-untyped-def]
        return x

    @step
    def half(x: int) -> float:
        return x / 2

    @pipeline
    def typed() -> None:
        arrays()
        silent(1)
        half.map([1, 2])

    run = typed()
    told = {name: (one.annotated_type, one.type) for name, one in run.steps["arrays"].outputs.items()}

    assert told["any"] == ("builtins.object", "numpy.ndarray")
    assert told["maybe"] == ("numpy.ndarray | None", "numpy.ndarray")
    assert told["ints"] == ("list[int]", "builtins.list")
    assert run.steps["silent"].output.annotated_type is None
    halves = run.steps["half"].output
    assert (halves.annotated_type, halves[0].annotated_type) == ("list[builtins.float]", "builtins.float")
    assert save_artifact(1, "saved").annotated_type is None


def test_all_that_a_step_saved_under_one_name_is_there() -> None:
    """Of several versions of one artifact the newest is found by its name, and each by name and version."""

    @step
    def train() -> int:
        for epoch in range(3):
            save_artifact(epoch, "checkpoint")
        save_artifact("x", "other")
        return 1

    @pipeline
    def training() -> None:
        train()

    saved = training().steps["train"].saved_artifacts

    assert {name: version.load() for name, version in saved.items()} == {
        "checkpoint": 2, "checkpoint@1": 0, "checkpoint@2": 1, "checkpoint@3": 2, "other": "x",
    }  # fmt: skip


def test_an_id_and_a_version_must_agree() -> None:
    """An id says which version is meant; a label beside it that says another one is an error, not ignored."""
    version = save_artifact(1, "data")

    assert Client().get_artifact_version(version.id, "1") == version
    with pytest.raises(NotFound, match="artifact:data@1"):
        Client().get_artifact_version(version.id, "2")


def test_a_step_that_is_served_shows_what_its_origin_saved() -> None:
    """`saved_artifacts` of a cached step are those of the execution that it took over, until that one is deleted."""

    @step
    def train() -> int:
        save_artifact([1], "side")
        return 1

    @pipeline
    def training() -> Any:
        return train()

    first, second = training(), training()
    assert second.status == "cached"
    assert second.steps["train"].saved_artifacts == first.steps["train"].saved_artifacts
    assert list(second.steps["train"].saved_artifacts) == ["side"]

    Client().delete_run(first.pathspec)
    assert dict(second.steps["train"].saved_artifacts) == {}


def test_an_artifact_type_is_one_of_those_there_are() -> None:
    """A kind of artifact that there is not is refused where it is written, and those that there are are named."""
    with pytest.raises(ConfigurationError, match=r"'ModelArtifact'.*not 'model'"):
        ArtifactConfig(artifact_type="model")
    with pytest.raises(ConfigurationError, match="'ModelArtifact'"):
        save_artifact(1, "one", artifact_type="banana")
    assert save_artifact(1, "one", artifact_type="ServiceArtifact").artifact_type == "ServiceArtifact"


def test_what_nobody_named_is_not_offered_as_a_name() -> None:
    """Where a name is absent, artifacts of values from outside are not offered, and a letter is no id."""

    @step
    def take(x: int) -> Annotated[int, "taken"]:
        return x

    @pipeline
    def taking() -> Any:
        return take(ExternalArtifact(value=3))

    taking()
    with pytest.raises(NotFound) as error:
        load_artifact("zzz")
    assert "'taken'" in str(error.value) and "external_" not in str(error.value)
    identity = str(Client().get_artifact_version("taken").id)
    assert Client().get_artifact_version(identity[:8]).name == "taken"
    with pytest.raises(NotFound):
        load_artifact(identity[0])


def test_an_element_tells_its_own_type() -> None:
    """An element of a collection shows itself with its type, not with that of the collection."""

    @step
    def square(x: int) -> Annotated[int, "squares"]:
        return x * x

    @pipeline
    def squaring() -> Any:
        return square.map([1, 2])

    version = squaring().steps["square"].output
    assert repr(version) == "<ArtifactVersion 'artifact:squares@1': builtins.list>"
    assert repr(version[1]) == "<ArtifactVersion 'artifact:squares@1[1]': builtins.int>"


def test_only_what_becomes_a_file_is_saved_under_a_lease(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease keeps pruning from files that no version refers to yet; a small value, a row, does without."""
    leases: list[object] = []
    acquire = workspace.ownership.acquire
    monkeypatch.setattr(workspace.ownership, "acquire", lambda id: (leases.append(id), acquire(id))[1])

    save_artifact({"a": 1}, "small")
    assert leases == []
    save_artifact(np.arange(100_000), "large")
    assert len(leases) == 1
    assert workspace.ownership.held() == frozenset()


def test_what_is_pruned_at_once_was_saved_all_the_same(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A save that somebody prunes before it returns gives its version, and that says what became of it."""
    commit = workspace.record.commit

    def pruned_at_once(*changes: Any, **options: Any) -> Any:
        receipt = commit(*changes, **options)
        monkeypatch.undo()
        workspace.client.prune_artifacts(include_manual=True)
        return receipt

    monkeypatch.setattr(workspace.record, "commit", pruned_at_once)

    version = workspace.save_artifact(1, "number")

    assert (version.name, version.version) == ("number", "1")
    with pytest.raises(ArtifactDeleted):
        version.load()
