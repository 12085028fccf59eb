"""Client and handles over a record that was filled through its port."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from runlore import pipeline
from runlore.author.reads import unwatch, watch
from runlore.errors import AlreadyExists, Ambiguous, ArtifactCorrupt, NotFound, QueryInvalid
from runlore.model.change import RunFinished
from runlore.model.status import Status

#: The `Book` of this folder's conftest, which cannot be imported by name.
Book = Any


def test_one_line_gives_the_model_back(book: Book) -> None:
    """Pipeline, last run, step, output, value: the way of the seeds."""
    book.run(value=7)
    model = book.client.get_pipeline("training").last_successful_run.steps["train"].outputs["model"]
    assert model.load() == {"weight": 7}
    assert model.data == model.load()
    assert model.data is not model.data


def test_runs_of_a_pipeline_that_is_at_hand(book: Book) -> None:
    """The runs of a pipeline are asked for by its name, its handle or its declaration."""
    book.run()
    book.run("other")
    client = book.client

    @pipeline
    def training() -> None: ...

    for asked in ("training", client["training"], training):
        assert [run.pathspec for run in client.runs(asked)] == ["training/1"]
    with pytest.raises(QueryInvalid):
        client.runs(["training"])


def test_runs_are_newest_first_and_never_cut_off(book: Book) -> None:
    """runs is a lazy sequence of all runs: len, index, slice, negative index, iteration and reversal agree."""
    for _ in range(45):
        book.run()
    runs = book.client.get_pipeline("training").runs
    numbers = list(range(45, 0, -1))
    assert len(runs) == 45
    assert [run.number for run in runs] == numbers
    assert [run.number for run in reversed(runs)] == numbers[::-1]
    assert (runs[0].number, runs[44].number, runs[-1].number, runs[-45].number) == (45, 1, 1, 45)
    assert [run.number for run in runs[5:40:7]] == numbers[5:40:7]
    assert [run.number for run in runs[-3:]] == numbers[-3:]
    assert [run.number for run in runs[::-1]] == numbers[::-1]
    for outside in (45, -46):
        with pytest.raises(IndexError):
            runs[outside]


def test_explicit_pages_are_plain_lists(book: Book) -> None:
    """size and page ask for one page; sizes that are none are refused."""
    for _ in range(5):
        book.run()
    pipeline = book.client.get_pipeline("training")
    assert [run.number for run in pipeline.get_runs(size=2)] == [5, 4]
    assert [run.number for run in pipeline.get_runs(size=2, page=3)] == [1]
    for wrong in (0, -1, 10_001, True, "2"):
        with pytest.raises(QueryInvalid, match="size"):
            pipeline.get_runs(size=wrong)


@pytest.mark.parametrize("reference", ["2", 2, "tuned", "tun", "{id}", "{id_start}", "latest"])
def test_a_run_is_found_by_every_name_it_has(book: Book, reference: object) -> None:
    """Number, name, beginning of the name, id, beginning of the id and latest name a run of a pipeline."""
    book.run(name="first")
    run = book.run(name="tuned")
    if isinstance(reference, str):
        reference = reference.format(id=run.id, id_start=str(run.id)[:13])
    assert book.client.get_pipeline("training")[reference].id == run.id  # type: ignore[index]


def test_latest_successful_passes_over_failures(book: Book) -> None:
    """last_successful_run is the newest that completed or was cached; last_run is the newest of all."""
    book.run()
    book.run(status=Status.CACHED)
    book.run(status=Status.FAILED)
    pipeline = book.client.get_pipeline("training")
    assert (pipeline.last_run.number, pipeline.last_successful_run.number) == (3, 2)
    assert book.client.get("training/latest-successful").number == 2
    assert pipeline.last_run.previous == pipeline.last_successful_run
    assert pipeline.runs[-1].previous is None


def test_an_ambiguous_beginning_lists_its_candidates(book: Book) -> None:
    """Several runs under one beginning are an error that names each."""
    book.run(name="sweep-a")
    book.run(name="sweep-b")
    with pytest.raises(Ambiguous, match="sweep-b.*sweep-a|sweep-a.*sweep-b"):
        book.client.get_pipeline_run("sweep")


def test_a_number_alone_names_a_run_while_it_is_the_only_one(book: Book) -> None:
    """Outside a pipeline a number serves as long as one run has it; else the runs that have it are listed."""
    run = book.run()
    assert book.client.get("1").id == run.id  # type: ignore[union-attr]
    with pytest.raises(NotFound, match="no run '2'"):
        book.client.get("2")
    book.run(pipeline="scoring")
    with pytest.raises(Ambiguous, match="training/1.*scoring/1|scoring/1.*training/1"):
        book.client.get("1")


def test_a_run_is_found_by_what_progress_and_lists_call_it(book: Book) -> None:
    """``training/1`` names a run for get_pipeline_run too, as do ``training/latest`` and the run's name there."""
    run = book.run(name="first")
    for reference in ("training/1", "training/latest", "training/first"):
        assert book.client.get_pipeline_run(reference).id == run.id
    with pytest.raises(NotFound, match="pipeline 'trainin_'"):
        book.client.get_pipeline_run("trainin_/1")


def test_ids_with_a_common_beginning_are_told_apart(book: Book) -> None:
    """The beginning of an id serves as long as it fits one run."""
    book.run(id=UUID("aaaa1111-0000-4000-8000-000000000001"))
    book.run(id=UUID("aaaa2222-0000-4000-8000-000000000002"))
    assert book.client.get_pipeline_run("aaaa1").number == 1
    with pytest.raises(Ambiguous):
        book.client.get_pipeline_run("aaaa")


@pytest.mark.parametrize(
    ("pathspec", "said"),
    [
        ("trianing", "Did you mean 'training'"),
        ("training/99", "no run '99' of pipeline 'training'"),
        ("training/1/trian", "Did you mean 'train'"),
        ("training/1/train/4", "its only task is 0"),
        ("training/1/train/0/modle", "Did you mean 'model'"),
        ("artifact:modle", "Did you mean 'model'"),
        ("artifact:model@9", "no version '9'"),
    ],
)
def test_what_is_absent_says_what_there_is(book: Book, pathspec: str, said: str) -> None:
    """A missing thing is a NotFound, and so a KeyError, with a suggestion."""
    book.run()
    with pytest.raises(NotFound, match=said) as caught:
        book.client.get(pathspec)
    assert isinstance(caught.value, KeyError)


def test_pathspecs_reach_every_noun(book: Book) -> None:
    """Each level of a pathspec gives its handle, and handles say their pathspec."""
    book.run()
    for text in (
        "training",
        "training/1",
        "training/1/train",
        "training/1/train/0",
        "artifact:model",
        "artifact:model@1",
    ):
        assert book.client.get(text).pathspec == text
    assert book.client.get("training/1/train/0/model") == book.client.get("artifact:model@1")


def test_one_part_alone_may_be_a_run(book: Book) -> None:
    """A run's name, the beginning of its id, and latest stand alone where no pipeline has the name."""
    run = book.run(name="champion")
    for text in ("champion", "champ", str(run.id), str(run.id)[:9], "latest"):
        assert book.client.get(text).id == run.id
    assert book.client.get("training").name == "training"


def test_artifact_versions_by_name_number_label_and_id(book: Book) -> None:
    """Without a version the newest serves; integers and labels are accepted; so is the version's own id."""
    book.save("model", "old")
    book.save("model", "raw", version="raw_2023")
    book.save("model", "new")
    get = book.client.get_artifact_version
    assert get("model").load() == "new"
    assert get("model", "latest").load() == "new"
    assert get("model", 1).load() == get("model", "1").load() == "old"
    assert get("model", "raw_2023").load() == "raw"
    newest = get("model")
    assert get(newest.id) == get(str(newest.id)) == get(str(newest.id)[:12]) == newest
    assert get(newest.pathspec) == get("artifact:model") == newest != get("artifact:model@raw_2023")
    assert [version.version for version in book.client.get_artifact("model").versions][1] == "raw_2023"


def test_an_unknown_artifact_version_is_refused(book: Book) -> None:
    """A version that is not there never falls back to another one."""
    book.save("model", 1)
    with pytest.raises(NotFound, match="no version '2'"):
        book.client.get_artifact_version("model", 2)


def test_a_hand_saved_artifact_has_no_producer(book: Book) -> None:
    """What no step made has neither producer, step nor run."""
    book.save("model", 1)
    version = book.client.get_artifact_version("model")
    assert (version.producer, version.step, version.run, version.upstream()) == (None, None, None, ())


def test_lineage_goes_both_ways(book: Book) -> None:
    """A version knows the step that made it and those that read it, and the versions before and after it."""
    book.run()
    run = book.client.get("training/1")
    data, model = run.steps["load"].output, run.steps["train"].output
    assert model.producer == run.steps["train"] and model.run == run
    assert data.consumers == (run.steps["train"],)
    assert data.downstream() == (model,) and model.upstream() == (data,)


def test_output_needs_exactly_one(book: Book) -> None:
    """.output and .input are the only one, or a ValueError that lists the names."""
    book.run()
    steps = book.client.get("training/1").steps
    assert steps["train"].input == steps["load"].output
    with pytest.raises(ValueError, match="has no inputs"):
        _ = steps["load"].input


def test_a_run_tells_everything_recorded_of_it(book: Book) -> None:
    """Parameters, status, outputs, steps in order and pipeline are as they were written."""
    noun = book.run(parameters={"lr": 0.5, "shape": (1, 2)})
    run = book.client.get_pipeline_run(noun.name)
    assert run.status == "completed" and run.successful and run.finished
    assert dict(run.config.parameters) == {"lr": 0.5, "shape": (1, 2)}
    assert dict(run.config.settings) == {}
    assert list(run.steps) == ["load", "train"]
    assert run.outputs["model"] == run.steps["train"].output == run.output
    assert run.pipeline == book.client.get_pipeline("training")
    assert run.duration == 2.0 and (run.ended - run.created).total_seconds() == 2
    assert run.failure is None and run.raise_for_status() is run


def test_a_failed_run_says_why(book: Book) -> None:
    """failure and exception give type, message and traceback as text, of the run and of its step."""
    run = book.client.run_of(book.run(status=Status.FAILED))
    assert run.failure.message == run.exception.message == "too hot"
    assert run.steps["train"].exception.type == "builtins.ValueError"
    assert not run.successful
    with pytest.raises(Exception, match="failed: builtins.ValueError: too hot"):
        run.raise_for_status()


def test_log_lines_come_back_as_written(book: Book) -> None:
    """Escapes in recorded lines are undone, streams and times are kept."""
    step = book.client.run_of(book.run()).steps["load"]
    first, second = step.loglines()
    assert (first.text, first.stream, first.time.timestamp()) == ("reading", "stdout", 1.0)
    assert (second.text, second.stream) == ("a\nb\\ \u2028", "stderr")
    assert step.logs == "reading\na\nb\\ \u2028\n"


def test_a_mapped_step_gives_collections(book: Book) -> None:
    """The output of a mapped step loads as the list, its elements and its tasks' outputs as single values."""
    book.mapped([1, "two", 3.0])
    step = book.client.get("squares/1/square")
    whole = step.outputs["output"]
    assert whole.load() == [1, "two", 3.0] and len(whole) == 3
    assert whole[1].load() == whole[-2].load() == "two"
    assert [task.output.load() for task in step.tasks] == [1, "two", 3.0]
    assert book.client.get("squares/1/square/2/output").load() == 3.0
    with pytest.raises(IndexError):
        whole[3]


def test_a_running_run_moves(book: Book) -> None:
    """A handle taken while the run is running shows what it has become."""
    noun, fence = book.begin()
    book.workspace.ownership.acquire(noun.id)
    run = book.client.run_of(noun)
    assert run.status == "running"
    book.workspace.record.commit([RunFinished(status=Status.COMPLETED, ended=noun.created)], fence=fence)
    assert run.status == "completed"
    book.workspace.ownership.release(noun.id)


def test_a_dead_owner_is_noticed_by_looking(book: Book) -> None:
    """A run whose lease nobody holds reads interrupted, never running."""
    noun, _ = book.begin()
    assert noun.status == "running"
    assert book.client.run_of(noun).status == "interrupted"


def test_metadata_and_tags_are_written_and_read(book: Book) -> None:
    """metadata gives plain values, run_metadata entries; a later write wins and history stays."""
    run = book.client.run_of(book.run())
    run.log_metadata({"accuracy": 0.8, "deep": {"a": 1}})
    run.log_metadata({"accuracy": 0.9})
    assert dict(run.metadata) == {"accuracy": 0.9, "deep": {"a": 1}}
    entry = run.run_metadata["accuracy"]
    assert (entry.value, entry.type) == (0.9, "float")
    assert [old.value for old in run.metadata_history("accuracy")] == [0.8, 0.9]
    run.add_tags("prod", "good")
    run.remove_tags("good")
    assert run.tags == ("prod",)
    found = book.client.list_pipeline_runs(tag="prod", run_metadata=["accuracy:gte:0.9"])
    assert list(found) == [run]
    assert not book.client.list_pipeline_runs(run_metadata=["accuracy:gt:0.9"])


def test_versions_carry_what_runlore_noted(book: Book) -> None:
    """Size and description of a value are among its metadata, without the secret that vouches for pickles."""
    book.run()
    metadata = book.client.get_artifact_version("model").run_metadata
    assert metadata["storage_size"].value == book.client.get_artifact_version("model").size
    assert "mac" not in metadata


def test_filters_select_runs(book: Book) -> None:
    """Status, time, parameters and order are answered by the record."""
    for lr in (0.1, 0.2, 0.3):
        book.run(parameters={"lr": lr})
    book.run(status=Status.FAILED)
    client = book.client
    assert [run.number for run in client.list_pipeline_runs(status="failed")] == [4]
    assert [run.number for run in client.runs("training", parameters={"lr": 0.2})] == [2]
    assert [run.number for run in client.list_pipeline_runs(created=">=2026-11-01 15:00:00")] == [4, 3]
    assert [run.number for run in client.list_pipeline_runs(sort_by="asc:number", size=2)] == [1, 2]
    with pytest.raises(QueryInvalid, match="Did you mean 'status'"):
        client.list_pipeline_runs(stauts="failed")


def test_a_table_has_one_row_per_run(book: Book) -> None:
    """to_frame() gives parameters, metadata and status by column."""
    pytest.importorskip("pandas")
    book.run(parameters={"lr": 0.1})
    book.client.get("training/1").log_metadata({"accuracy": 0.9})
    frame = book.client.runs("training").to_frame()
    assert frame.loc[0, ["number", "status", "parameters.lr", "metadata.accuracy"]].tolist() == [
        1,
        "completed",
        0.1,
        0.9,
    ]


def test_reading_is_noted_while_a_step_runs(book: Book) -> None:
    """Whatever a step looks up through the client is told to the cache."""
    book.run()
    reads, token = watch(lambda: None)
    client = book.client
    seq = client.get_artifact_version("model", 1).seq
    _ = client.get_pipeline("training").last_run
    client.list_artifacts()
    client.get("training/1")
    unwatch(token)
    client.list_pipelines()
    assert list(reads.looked_up) == [("model", "1", seq)]
    assert list(reads.others) == [
        "pipeline 'training'",
        "the last run of 'training'",
        "a list of artifacts",
        "'training/1'",
    ]


def test_handles_compare_by_what_they_name(book: Book) -> None:
    """Two handles of one thing are equal, hash alike, and their repr is one line."""
    book.run()
    for text in (
        "training",
        "training/1",
        "training/1/train",
        "training/1/train/0",
        "artifact:model",
        "artifact:model@1",
    ):
        one, other = book.client.get(text), book.client.get(text)
        assert one == other and hash(one) == hash(other) and one is not other
        assert "\n" not in repr(one) and text.removeprefix("artifact:") in repr(one)


def test_files_are_downloaded_without_loading(book: Book, tmp_path: Path) -> None:
    """download_files writes a folder or an archive, never over what is there unless told to."""
    book.save("model", {"weight": 3})
    version = book.client.get_artifact_version("model")
    assert version.download_files(tmp_path / "out") == tmp_path / "out"
    (file,) = (tmp_path / "out").iterdir()
    assert file.name == "model.json" and len(file.read_bytes()) == version.size
    with pytest.raises(Exception, match="already there"):
        version.download_files(tmp_path / "out")
    version.download_files(tmp_path / "out", overwrite=True)
    with zipfile.ZipFile(version.download_files(str(tmp_path / "model.zip"))) as archive:
        assert archive.read("model.json") == file.read_bytes()


def test_a_deleted_run_leaves_its_versions(book: Book) -> None:
    """Deleting a run keeps what it made, which then has no producer."""
    book.run()
    book.client.delete_pipeline_run("training-1")
    assert len(book.client.list_pipeline_runs()) == 0
    version = book.client.get_artifact_version("model")
    assert version.producer is None and version.load() == {"weight": 0}


def test_files_for_registering_have_a_place(book: Book) -> None:
    """active_stack.artifact_store.path is a folder that is there."""
    assert Path(book.client.active_stack.artifact_store.path).is_dir()


def test_pictures_are_written_to_a_file_without_a_terminal(book: Book) -> None:
    """visualize() outside notebooks and terminals returns the path of one HTML page."""
    book.save("model", "<script>alert(1)</script>")
    path = book.client.get_artifact_version("model").visualize()
    try:
        page = path.read_text(encoding="utf-8")
    finally:
        path.unlink()
    assert page.startswith("<!doctype html>") and "<script>" not in page


def test_empty_lists_are_empty(book: Book) -> None:
    """A list without answers is falsy, has length 0, and its first item is an IndexError."""
    runs = book.client.list_pipeline_runs()
    assert not runs and len(runs) == 0 and list(runs) == []
    with pytest.raises(IndexError):
        runs[0]


def test_a_beginning_of_a_name_can_be_refused(book: Book) -> None:
    """A pipeline is found by the beginning of its name, unless exactly this name is asked for."""
    book.run()
    assert book.client.get_pipeline("train").name == "training"
    with pytest.raises(NotFound, match="Did you mean 'training'"):
        book.client.get_pipeline("train", allow_name_prefix_match=False)


def test_code_comes_back_as_it_was(book: Book, tmp_path: Path) -> None:
    """run.code gives the files of the snapshot by path, and writes them out without replacing any."""
    put = book.workspace.blobs.put
    files = {"pack/a.py": put(b"x = 1\r\n"), "flow.py": put(b"y = 2\n")}
    cells = [put(b"z = 3\n")]
    manifest = {"form": 1, "entry": "flow.py", "files": files, "cells": cells, "omitted": 2}
    noun, _ = book.begin(code=put(json.dumps(manifest).encode()))
    code = book.client.run_of(noun).code
    assert dict(code) == {"pack/a.py": "x = 1\r\n", "flow.py": "y = 2\n"}
    assert (code.entry_path, code.entry, code.omitted, code.cells) == ("flow.py", "y = 2\n", 2, ("z = 3\n",))
    code.extract(tmp_path / "out")
    assert (tmp_path / "out" / "pack" / "a.py").read_bytes() == b"x = 1\r\n"
    with pytest.raises(AlreadyExists):
        code.extract(tmp_path / "out")


@pytest.mark.parametrize("path", ["../evil.py", "/evil.py", "a/../../evil.py", "..\\evil.py"])
def test_code_never_leaves_its_folder(book: Book, tmp_path: Path, path: str) -> None:
    """A manifest that names a file outside the folder is refused before anything is written."""
    put = book.workspace.blobs.put
    manifest = {"form": 1, "entry": None, "files": {path: put(b"")}, "cells": [], "omitted": 0}
    noun, _ = book.begin(code=put(json.dumps(manifest).encode()))
    with pytest.raises(ArtifactCorrupt, match="out of the folder"):
        book.client.run_of(noun).code.extract(tmp_path / "out")
    assert not list(tmp_path.rglob("evil.py"))


def test_names_that_look_like_operators_are_names(book: Book) -> None:
    """The default name of an artifact holds colons, a pipeline's name may: lists of their parts work all the same."""
    for name in ("gte:0", "odd:name"):
        run = book.run(pipeline=name)
        assert [found.id for found in book.client.runs(name)] == [run.id]
        assert [found.id for found in book.client.get_pipeline(name).runs] == [run.id]
    assert list(book.client.list_artifact_versions("training::train::output")) == []
    assert list(book.client.list_artifact_versions(artifact="training::train::output")) == []
    with pytest.raises(QueryInvalid, match="'regex' is not an operator"):
        book.client.list_artifact_versions(artifact="regex:train")


def test_versions_of_several_artifacts_are_asked_for_by_name(book: Book) -> None:
    """`list_artifact_versions` takes a name, several names, or a comparison, and nothing that is no name."""
    for name in ("model", "moon", "x:y", "data"):
        book.save(name, 1)

    def found(name: Any) -> list[str]:
        return [version.name for version in book.client.list_artifact_versions(name)]

    assert found("model") == ["model"] and found("x:y") == ["x:y"] and found("mo") == []
    assert found(["data", "model"]) == ["data", "model"] and found([]) == []
    assert found("startswith:mo") == ["moon", "model"] and found("!=model") == ["data", "x:y", "moon"]
    with pytest.raises(QueryInvalid, match="is not a text"):
        found(object())
