"""Pickles of strangers: nothing but a load that somebody asked for ever runs one, and a refusal says what to do."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, ClassVar

import click
import numpy
import pytest
from click.testing import CliRunner

from runlore import Client, load_artifact, pipeline, save_artifact, step
from runlore.errors import UntrustedPickle, ValueUnloadable, ValueUnstorable
from runlore.model.artifact import Picture
from runlore.show.cli.main import main
from runlore.values.materializer import Materializer, Reader, Writer
from runlore.workspace import default_workspace

#: Classes that any unpickling in this process has looked up while `watching`.
FOUND: list[str] = []
WATCHING: list[bool] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if WATCHING and event == "pickle.find_class":
        FOUND.append(f"{arguments[0]}.{arguments[1]}")


sys.addaudithook(_audit)  # there is no taking it away again


def explode() -> str:
    """What the pickles of the test run when they are loaded."""
    return "exploded"


class Bomb:
    """Its pickle calls `explode`."""

    def __reduce__(self) -> Any:
        return explode, ()


class Folder:
    """A value stored as files by something that runs code."""


class FolderMaterializer(Materializer):
    """Files that hold a pickle; loading runs code."""

    name = "test-bomb-folder"
    types: ClassVar = (f"{__name__}.Folder",)
    runs_code = True
    cheap_pictures = True

    def save(self, value: Any, writer: Writer) -> None:
        with writer.file("state.pkl") as file:
            file.write(pickle.dumps(Bomb()))

    def load(self, reader: Reader) -> Any:
        return pickle.loads(reader.file("state.pkl"))

    def pictures(self, value: Any) -> tuple[Picture, ...]:
        return (Picture("markdown", b"kept"),)


@step
def bomb() -> Annotated[Any, "bomb"]:
    return Bomb()


@step
def folder() -> Annotated[Any, "folder"]:
    return Folder()


@step
def inside() -> Annotated[Any, "inside"]:
    return {"array": numpy.arange(3), "bombs": [Bomb()]}


@step
def large() -> Annotated[Any, "large"]:
    return [Bomb(), b"\0" * 100_000]


@step
def each(number: int) -> Annotated[Any, "each"]:
    return Bomb()


@step
def use(value: Any, also: Any, numbers: Any) -> Annotated[int, "used"]:
    return 3


@pipeline
def dangerous() -> Any:
    return use(bomb(), folder(), each.map([1, 2])), inside(), large()


NAMES = ("bomb", "folder", "inside", "large", "each", "by_hand")
NOTES = {
    "ours": lambda meta, other: meta,
    "without a signature": lambda meta, other: {k: v for k, v in meta.items() if k != "mac"},
    "with a wrong one": lambda meta, other: {**meta, "mac": "00" * 32},
    "with half of one": lambda meta, other: {**meta, "mac": meta["mac"][:32]},
    "with that of another payload": lambda meta, other: {**meta, "mac": other},
    "with what is none": lambda meta, other: {**meta, "mac": [1, None]},
}


@pytest.fixture(scope="module", params=[*NOTES, "copied from elsewhere"])
def tampered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A record with values that only pickles store, after somebody has been at their signatures."""
    place = tmp_path_factory.mktemp("tampered")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNLORE_HOME", str(place / "home"))
        patch.setenv("XDG_DATA_HOME", str(place / "data"))
        patch.setenv("RUNLORE_PROGRESS", "quiet")
        run = dangerous()
        save_artifact(Bomb(), "by_hand")
        default_workspace().complete(run.seq)  # what is gathered beside a run is written until then
        copy = shutil.copytree(place / "home", place / "copy")
        patch.setenv("RUNLORE_HOME", str(copy))
        if request.param in NOTES:
            _rewrite(copy / "record.db", NOTES[request.param])
        else:
            patch.setenv("XDG_DATA_HOME", str(place / "elsewhere"))
        yield request.param


def _rewrite(file: Path, change: Callable[[dict[str, Any], str], dict[str, Any]]) -> None:
    with closing(sqlite3.connect(file)) as record, record:
        found = [(table, id, json.loads(meta)) for table in ("version", "item") for id, meta in _metas(record, table)]
        macs = [meta["mac"] for _, _, meta in found if "mac" in meta]
        for place, (table, id, meta) in enumerate(found):
            if "mac" in meta:
                other = next(mac for mac in macs[place:] + macs if mac != meta["mac"])
                column = "seq" if table == "version" else "item"
                record.execute(f"update {table} set meta = ? where {column} = ?", (json.dumps(change(meta, other)), id))


def _metas(record: sqlite3.Connection, table: str) -> list[tuple[int, str]]:
    return record.execute(f"select {'seq' if table == 'version' else 'item'}, meta from {table}").fetchall()


@pytest.fixture
def watching() -> Iterator[list[str]]:
    """What has been looked up by unpickling since the test began."""
    FOUND.clear()
    WATCHING.append(True)
    yield FOUND
    WATCHING.clear()


#: Members of handles that load a value, delete, write, or wait; every other one is looked at.
NOT_LOOKS = {
    *("load", "data", "pictures", "visualizations", "visualize", "keep_pictures"),
    *(
        "delete",
        "log_metadata",
        "add_tags",
        "remove_tags",
        "replace_tags",
        "wait",
        "raise_for_status",
        "promote",
        "download_files",
    ),
}


def look_at(thing: Any) -> None:
    """Ask a handle for everything that it says about itself."""
    for name in dir(type(thing)):
        if name in NOT_LOOKS or (name.startswith("_") and name not in ("__repr__", "_repr_html_", "__hash__")):
            continue
        with suppress(Exception):
            found = getattr(thing, name)
            if callable(found):
                found = found()
            repr(found), list(found) if hasattr(found, "__iter__") else None


def test_no_look_unpickles(tampered: str, watching: list[str], tmp_path: Path) -> None:
    """Lists, searches, handles with all that they say, lineage, explanations and downloads run no pickle."""
    client = Client()
    runs = list(client.list_pipeline_runs(pipeline="dangerous"))
    client.list_artifact_versions(tags=["x"]), client.list_artifact_versions("bomb", size=1)
    list(client.runs("dangerous").to_frame().columns)
    versions = [client.get_artifact_version(name) for name in NAMES]
    assert all(version.is_pickle for version in versions if not version.is_collection and version.name != "folder")
    elements = [client.get_artifact_version("each")[0]]
    steps = [one for run in runs for one in run.steps.values()]
    tasks = [task for one in steps for task in one.tasks]
    for thing in (
        client,
        *runs,
        *versions,
        *elements,
        *steps,
        *tasks,
        *client.list_pipelines(),
        *client.list_artifacts(),
    ):
        look_at(thing)
    for version in versions:
        version.download_files(tmp_path / version.name)
        version.download_files(tmp_path / f"{version.name}.zip")
        version.upstream(), version.downstream(), version.metadata_history("class")
        _refused(version.pictures, version)
    for name in ("dangerous/1", "dangerous/1/bomb", "dangerous/1/each/0", "dangerous/1/bomb/0/bomb", "artifact:bomb@1"):
        look_at(client.get(name))
    assert list(client.workspace.record.check()) == []

    assert watching == []


def _refused(look: Callable[[], Any], version: Any) -> None:
    """A first look that needs the value may be refused; what was kept is shown without it."""
    kept = version.kept_pictures()
    try:
        found = look()
    except UntrustedPickle:
        assert not kept
    else:
        assert len(found) == len(kept)


def test_no_cached_run_unpickles(tampered: str, watching: list[str]) -> None:
    """A run that the cache serves, and the question which steps it would serve, run no pickle."""
    preview = repr(dangerous.plan()) if hasattr(dangerous, "plan") else ""
    run = dangerous()

    assert run.status == "cached" and preview is not None
    assert watching == []


#: Commands with what they are asked about. Each is expected to do its work; an id of a run is its number.
COMMANDS = {
    "status": [[]],
    "check": [[]],
    "explain": [["dangerous/1/use"], ["dangerous/1/bomb"]],
    "lineage": [["dangerous/1"], ["artifact:bomb", "--format", "mermaid"], ["dangerous/1/use", "--format", "json"]],
    "pipeline list": [[], ["--json"]],
    "pipeline show": [["dangerous"]],
    "pipeline runs list": [["dangerous"]],
    "run list": [[], ["--json"]],
    "run show": [["dangerous/1"], ["dangerous/1", "--json"]],
    "run logs": [["dangerous/1"]],
    "run report": [["dangerous/1", "-o", "{path}/report.html"]],
    "run export": [["dangerous/1", "-o", "{path}/exported"]],
    "run tag": [["dangerous/1", "--add", "x"]],
    "pipeline tag": [["dangerous"]],
    "step tag": [["dangerous/1/bomb"]],
    "artifact tag": [["bomb"], ["bomb@1", "--add", "x"]],
    "run compare": [["dangerous/1", "dangerous/1", "--all", "--code"], ["dangerous/1", "dangerous/1", "--json"]],
    "run note": [["dangerous/1", "fine"], ["dangerous/1"]],
    "run metrics": [["dangerous/1"]],
    "completion": [["bash"]],
    "step show": [[f"dangerous/1/{name}"] for name in ("bomb", "each", "use")],
    "step logs": [["dangerous/1/bomb"]],
    "artifact list": [[], ["--json"]],
    "artifact show": [[name] for name in NAMES] + [["bomb", "--json"]],
    "artifact alias": [["bomb"], ["bomb", "best", "1"], ["bomb", "best", "--history"], ["bomb", "best", "--remove"]],
    "artifact version list": [[], ["bomb"]],
    "artifact download": [[name, "{path}/" + name] for name in NAMES],
}
#: Commands that load a value, run a pipeline, or have nothing to do with values.
OTHERS = {"artifact visualize", "pipeline run", "init", "run delete", "run import"}


def leaves(command: click.Command, path: str = "") -> Iterator[str]:
    """Every command, by its words."""
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        assert child is not None
        yield from leaves(child, f"{path} {name}".strip())


def test_every_command_is_accounted_for() -> None:
    """A command is either shown to unpickle nothing, or is named as one that loads."""
    known = {*COMMANDS, *OTHERS}

    assert {name for name in leaves(main) if name not in known} <= LATER, "add it to COMMANDS or OTHERS"


#: Commands that other parts of the package bring and show harmless in their own tests.
LATER = {"artifact prune"}


def test_no_command_unpickles(tampered: str, watching: list[str], tmp_path: Path) -> None:
    """No command that lists, shows, checks or downloads runs a pickle."""
    for name, calls in COMMANDS.items():
        for words in calls:
            given = [*name.split(), *(word.replace("{path}", str(tmp_path)) for word in words)]
            done = CliRunner().invoke(main, given)
            assert done.exit_code == 0, (given, done.output, done.exception)
    assert watching == []


@pytest.mark.parametrize("name", NAMES)
def test_a_load_asks_first(tampered: str, watching: list[str], name: str) -> None:
    """A load runs only what this installation signed; anything else is refused unless it is trusted."""
    version = Client().get_artifact_version(name)
    if tampered == "ours":
        version.load()
        assert watching
        return

    loads: list[Callable[[], Any]] = [version.load, lambda: version.data, lambda: load_artifact(name)]
    for load in loads:
        with pytest.raises(UntrustedPickle, match="trust=True"):
            load()
    assert watching == []
    version.load(trust=True)
    load_artifact(name, trust=True)
    assert any("explode" in found for found in watching)


# -- what a pickle says about itself -----------------------------------------------------------------------------------


class Fitted:
    """Stands for a class that moves."""

    def __init__(self, weight: int) -> None:
        self.weight = weight


@pytest.mark.usefixtures("home")
def test_a_pickle_says_what_wrote_it() -> None:
    """With each pickle are noted the versions of Python and of the libraries that it names."""
    version = save_artifact([Fitted(1), numpy.random.default_rng(0)], "model")

    written = version.metadata["written_by"]
    assert written["python"] == ".".join(map(str, sys.version_info[:3]))
    assert written["numpy"] == numpy.__version__ and "json" not in written
    assert version.is_pickle and not save_artifact(1, "number").is_pickle


@pytest.mark.usefixtures("home")
def test_a_class_that_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a class is gone from its module, the error names it, and `moved` loads it from where it is now."""
    version = save_artifact(Fitted(7), "model")
    here = sys.modules[__name__]
    monkeypatch.setattr(here, "Elsewhere", Fitted, raising=False)
    monkeypatch.delattr(here, "Fitted")

    with pytest.raises(ValueUnloadable, match=rf"artifact:model@1.*{__name__}\.Fitted.*moved=.*written by Python 3"):
        version.load()
    moved = {f"{__name__}.Fitted": f"{__name__}.Elsewhere"}
    assert version.load(moved=moved).weight == load_artifact("model", moved=moved).weight == 7
    with pytest.raises(ValueUnloadable):
        version.load()


@pytest.mark.usefixtures("home")
def test_a_dataclass_that_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """``moved`` also finds the classes of values that are no pickles, such as a script's dataclass in a module now."""
    for name in ("a_script", "its_module"):
        module = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec("from dataclasses import dataclass\n@dataclass\nclass Config:\n    rate: float", vars(module))  # noqa: S102
    version = save_artifact(sys.modules["a_script"].Config(0.5), "config")
    assert not version.is_pickle
    monkeypatch.delitem(sys.modules, "a_script")

    with pytest.raises(ValueUnloadable):
        version.load()
    for moved in ({"a_script": "its_module"}, {"a_script.Config": "its_module.Config"}):
        assert version.load(moved=moved) == sys.modules["its_module"].Config(0.5)


def test_a_module_that_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that was renamed is named by the error, and found by `moved` with all that is in it."""
    (tmp_path / "old_place.py").write_text("class Model:\n    weight = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    import old_place  # type: ignore[import-not-found]

    version = save_artifact(old_place.Model(), "model")
    os.rename(tmp_path / "old_place.py", tmp_path / "new_place.py")
    monkeypatch.delitem(sys.modules, "old_place")
    for cached in tmp_path.glob("__pycache__/*"):
        cached.unlink()

    with pytest.raises(ValueUnloadable, match="'old_place', which is not here.*moved="):
        version.load()
    assert version.load(moved={"old_place": "new_place"}).weight == 3


@pytest.mark.usefixtures("home")
def test_other_versions_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a pickle of another Python or library does not load, the error says who wrote it and what would help."""
    version = save_artifact([Fitted(1), numpy.ma.masked_array([1], [True])], "model")
    with closing(sqlite3.connect(Path(os.environ["RUNLORE_HOME"]) / "record.db")) as record, record:
        (meta,) = record.execute("select meta from version").fetchone()
        notes = json.loads(meta)
        notes["written_by"] = {"python": "3.9.1", "numpy": "1.19.0", "nowhere_at_all": "2.0"}
        record.execute("update version set meta = ?", (json.dumps(notes),))
    monkeypatch.delattr(sys.modules[__name__], "Fitted")

    with pytest.raises(ValueUnloadable) as caught:
        Client().get_artifact_version("model").load()
    said = str(caught.value)
    assert "written by Python 3.9.1, numpy 1.19.0, nowhere_at_all 2.0" in said
    assert f"numpy {numpy.__version__}" in said and "nowhere_at_all not installed" in said
    assert "pip install numpy==1.19.0 nowhere_at_all==2.0 under Python 3.9.1" in said
    assert version.name == "model"


@pytest.mark.usefixtures("home")
def test_pickles_can_be_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under `deny` no pickle is stored, by hand or by a step, and none loads even with trust."""
    save_artifact(Bomb(), "before")
    monkeypatch.setenv("RUNLORE_PICKLE", "deny")

    @step
    def made() -> Annotated[Any, "made"]:
        return [numpy.arange(3), Bomb()]

    @pipeline
    def making() -> Any:
        return made()

    with pytest.raises(ValueUnstorable, match=r"pickle.*'deny'.*Materializer.*RUNLORE_PICKLE=own"):
        save_artifact(Bomb(), "after")
    with pytest.raises(ValueUnstorable, match="'deny'"):
        save_artifact([1], "after", materializer="cloudpickle")
    with pytest.raises(ValueUnstorable, match="'deny'"):
        making()
    assert [version.name for version in Client().list_artifact_versions()] == ["before"]
    for trust in (True, False):
        with pytest.raises(UntrustedPickle, match="'deny'"):
            load_artifact("before", trust=trust)
    assert save_artifact({"a": numpy.arange(3)}, "plain").load()["a"].tolist() == [0, 1, 2]


@pytest.mark.usefixtures("home")
def test_never_says_that_it_is_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under `never` our own pickles are refused as well, and the refusal names the setting."""
    save_artifact(Bomb(), "model")
    monkeypatch.setenv("RUNLORE_PICKLE", "never")

    with pytest.raises(UntrustedPickle, match="setting pickle is 'never'"):
        load_artifact("model")
    assert load_artifact("model", trust=True) == "exploded"
