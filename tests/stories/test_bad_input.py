"""Bad input, line by line: each has an error of its own, whose message names the thing and says what to do."""

from __future__ import annotations

import io
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy
import pytest
from click.testing import CliRunner

from runlore import (
    ArtifactConfig,
    Client,
    ExternalArtifact,
    get_step_context,
    load_artifact,
    log_metadata,
    pipeline,
    save_artifact,
    step,
)
from runlore.errors import (
    AlreadyExists,
    Ambiguous,
    ConfigurationError,
    DefinitionError,
    NameInvalid,
    NotFound,
    ParameterError,
    PathspecInvalid,
    QueryInvalid,
    StepContextError,
    StoreCorrupt,
    StoreForeign,
    StoreLocked,
    StoreTooNew,
    TypeMismatch,
    ValueUnstorable,
)
from runlore.record.sql import connection
from runlore.settings import Settings
from runlore.show.cli.main import main
from runlore.workspace import Workspace

Act = Callable[[], Any]


@pytest.fixture(autouse=True)
def record(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty record."""
    monkeypatch.setenv("RUNLORE_PROGRESS", "quiet")
    return home


@step
def number(x: int = 1) -> int:
    return x


@step
def text(s: str) -> str:
    return s


@step
def anything(x: Any) -> None:
    return None


@step
def as_int(x: Any) -> int:
    return x  # type: ignore[no-any-return]


@step
def as_pair(x: Any) -> tuple[int, int]:
    return x  # type: ignore[no-any-return]


@step
def a_lock() -> Annotated[Any, "model"]:
    return {"nested": threading.Lock()}


@step
def noting(value: Any) -> int:
    log_metadata({"key": value})
    return 1


@step
def noting_an_object() -> int:
    log_metadata({"key": object()})
    return 1


@step
def noting_all(values: Any) -> int:
    log_metadata(values)
    return 1


@step
def tagging() -> int:
    get_step_context().add_output_tags(["a\x00b"])
    return 1


@step
def noting_an_array() -> int:
    log_metadata({"key": numpy.zeros(2)})
    return 1


def run(body: Act, name: str = "trial", **options: Any) -> Any:
    """Run a pipeline with this body."""

    def named() -> Any:
        return body()

    return pipeline(name=name, **options)(named)()


def declared(annotation: Any) -> Any:
    """Decorate a step that promises this."""

    def made() -> None: ...

    made.__annotations__ = {"return": annotation}
    return step(made)


def cyclic() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


DEFINED: list[tuple[str, Act, type[Exception], str]] = [
    ("wrong type", lambda: run(lambda: as_int("x")), TypeMismatch, "'output' of step 'as_int': expected int, got str"),
    ("nothing returned", lambda: run(lambda: as_int(None)), TypeMismatch, "expected int, got None"),
    ("too many outputs", lambda: run(lambda: as_pair((1, 2, 3))), TypeMismatch, "tuple of 2 outputs .* a tuple of 3"),
    ("no tuple", lambda: run(lambda: as_pair(5)), TypeMismatch, "tuple of 2 outputs .* an int"),
    ("unstorable output", lambda: run(a_lock), ValueUnstorable, "_thread.lock.*define a Materializer"),
    ("a lambda", lambda: run(lambda: anything(lambda: 1)), ParameterError, "'x'.*no name.*ExternalArtifact"),
    ("an open file", lambda: run(lambda: anything(io.StringIO())), ParameterError, "'x'.*file.*ExternalArtifact"),
    ("a generator", lambda: run(lambda: anything(i for i in "ab")), ParameterError, "'x'.*once. Make a list"),
    ("a list in itself", lambda: run(lambda: anything(cyclic())), ParameterError, r"contains itself at \[0\]"),
    (
        "a circle of steps",
        lambda: run(lambda: (number(id="a", after="b"), number(id="b", after="a"))),
        DefinitionError,
        "waits for a step 'b' .* no circle .* No step was called",
    ),
    ("a doubled id", lambda: run(lambda: (number(id="a"), number(id="a"))), DefinitionError, "Two steps .* 'a'"),
    (
        "a doubled output",
        lambda: declared(tuple[Annotated[int, "a"], Annotated[int, "a"]]),
        DefinitionError,
        "two outputs named 'a'",
    ),
    ("a tuple of any length", lambda: declared(tuple[int, ...]), DefinitionError, r"Write tuple\[A, B\]"),
    ("no steps", lambda: run(lambda: None), DefinitionError, "'trial' has no steps: call at least one @step"),
    ("a handle in if", lambda: run(lambda: 1 if number() else 2), DefinitionError, "condition.*Call .load()"),
    ("a handle in a sum", lambda: run(lambda: number() + 2), DefinitionError, "calculated with.*Call .load()"),
    ("a handle on the right", lambda: run(lambda: 2 + number()), DefinitionError, "calculated with.*Call .load()"),
    ("a handle compared", lambda: run(lambda: number() > 2), DefinitionError, "compared.*Call .load()"),
    ("a handle unpacked", lambda: run(lambda: [*number()]), DefinitionError, "one output.*map"),  # type: ignore[misc]
    ("types of two steps", lambda: run(lambda: text(number())), TypeMismatch, "'s' from .*: expected str, got int"),
    ("a text for an int", lambda: run(lambda: number("3")), TypeMismatch, "'x': expected int, got str '3'"),
    ("a missing argument", lambda: run(lambda: text()), ParameterError, "'text' needs an argument for 's'"),
    ("an unknown argument", lambda: run(lambda: number(y=1)), ParameterError, "no parameter 'y'. There is 'x'"),
    ("an argument of none", lambda: pipeline(lambda: number())(y=1), ParameterError, "It takes no arguments"),
    ("an unknown option", lambda: number.with_options(enable_cach=1), ConfigurationError, "mean 'enable_cache'"),
    (
        "outside a step",
        lambda: log_metadata({"a": 1}),
        StepContextError,
        r"log_metadata\(\) work in the body of a step",
    ),
    ("no context", get_step_context, StepContextError, "No step is running here"),
    ("metadata: an object", lambda: run(noting_an_object), ValueUnstorable, "'key' is an? object.*Pass str"),
    ("metadata: an array", lambda: run(noting_an_array), ValueUnstorable, "'key' .*ndarray.*tolist"),
    ("metadata: a set", lambda: run(lambda: noting({1})), ValueUnstorable, "'key' is a set.*Pass list"),
    ("an empty name", lambda: step(name="")(len), NameInvalid, "A step name may not be empty"),
    ("a blank name", lambda: pipeline(name=" ")(len), NameInvalid, "A pipeline name may not be empty"),
    ("a long name", lambda: save_artifact(1, "x" * 256), NameInvalid, "An artifact name has at most 255 .* 256"),
    ("a name with a line", lambda: step(name="a\nb")(len), NameInvalid, "control characters"),
    ("a name with a slash", lambda: pipeline(name="a/b")(len), NameInvalid, "may not hold '/'"),
    ("a name that is none", lambda: save_artifact(1, 5), NameInvalid, "An artifact name is a str; 5 is an int"),  # type: ignore[arg-type]
    ("an id of digits", lambda: run(lambda: number(id="12")), NameInvalid, "all digits"),
    (
        "a bad dict",
        lambda: run(lambda: noting_all("accuracy")),
        ValueUnstorable,
        "Metadata is a dict, .* this is a str",
    ),
    ("metadata: no key", lambda: run(lambda: noting_all({"": 1})), NameInvalid, "A metadata key may not be empty"),
    ("metadata: a key that is none", lambda: run(lambda: noting_all({1: 1})), NameInvalid, "key is a str; 1 is an int"),
    ("metadata: half a character", lambda: run(lambda: noting_all({"\ud800": 1})), NameInvalid, "control characters"),
    (
        "metadata: of an output",
        lambda: run(declared(Annotated[int, ArtifactConfig(run_metadata={"k\n": 1})])),
        NameInvalid,
        "control characters",
    ),
    (
        "metadata: of an output, by hand",
        lambda: run(declared(Annotated[int, ArtifactConfig(run_metadata={"k": {1}})])),
        ValueUnstorable,
        "'k' is a set",
    ),
    ("metadata: of a value", lambda: save_artifact(1, "m", metadata={"x" * 256: 1}), NameInvalid, "at most 255"),
    ("an empty tag", lambda: save_artifact(1, "m", tags=[""]), NameInvalid, "A tag name may not be empty"),
    ("a tag that is many", lambda: save_artifact(1, "m", tags="prod"), ConfigurationError, r"such as \['prod'\]"),
    ("a tag of an output", lambda: run(tagging), NameInvalid, "A tag name may not hold control characters"),
    ("an empty version", lambda: save_artifact(1, "m", version=""), NameInvalid, "A version name may not be empty"),
    ("a version with a line", lambda: save_artifact(1, "m", version="1\n"), NameInvalid, "control characters"),
    ("a version named latest", lambda: save_artifact(1, "m", version="latest"), NameInvalid, "stands for the newest"),
    (
        "an output's version",
        lambda: declared(Annotated[int, ArtifactConfig(version="latest")]),
        NameInvalid,
        "stands for the newest",
    ),
    ("a version that is none", lambda: save_artifact(1, "m", version=1.5), NameInvalid, "a str or an int; 1.5 is"),  # type: ignore[arg-type]
    ("a run named latest", lambda: run(number, run_name="latest"), NameInvalid, "stands for another run"),
    ("an artifact that is not", lambda: run(lambda: number(ExternalArtifact(name="no"))), NotFound, "artifact 'no'"),
]


@pytest.mark.parametrize(("act", "kind", "said"), [row[1:] for row in DEFINED], ids=[row[0] for row in DEFINED])
@pytest.mark.filterwarnings("ignore:Field name")
def test_what_is_written_wrongly(act: Act, kind: type[Exception], said: str) -> None:
    """A step, a pipeline or a value that cannot be is an error of its own class that names it and the way out."""
    with pytest.raises(kind, match=f"(?s){said}"):
        act()


LOOKED_UP: list[tuple[str, Callable[[Client], Any], type[Exception], str]] = [
    ("empty", lambda c: c.get(""), PathspecInvalid, "pipeline/run/step/task/output"),
    ("an empty part", lambda c: c.get("trial//x"), PathspecInvalid, "A run name may not be empty"),
    ("too many parts", lambda c: c.get("a/b/c/0/e/f"), PathspecInvalid, "'a/b/c/0/e/f' has 6 parts; .* at most 5"),
    ("a task by name", lambda c: c.get("trial/1/number/one"), PathspecInvalid, "fourth part .* 'training/12/train/0'"),
    ("no pathspec", lambda c: c.get(5), PathspecInvalid, "5 is an int"),  # type: ignore[arg-type]
    ("a mistyped pipeline", lambda c: c.get("trail"), NotFound, "no pipeline or run 'trail'. Did you mean 'trial'"),
    (
        "an absent number",
        lambda c: c.get("trial/99"),
        NotFound,
        "no run '99' of pipeline 'trial'; its newest is trial/2",
    ),
    (
        "a mistyped step",
        lambda c: c.get("trial/1/nmber"),
        NotFound,
        "trial/1 has no step 'nmber'. Did you mean 'number'",
    ),
    ("an absent task", lambda c: c.get("trial/1/number/7"), NotFound, "no task 7; its only task is 0"),
    ("an absent output", lambda c: c.get("trial/1/number/0/x"), NotFound, "no output 'x'. There is 'output'"),
    ("an absent artifact", lambda c: c.get("artifact:modle"), NotFound, "Did you mean 'model'"),
    ("an absent version", lambda c: c.get("artifact:model@9"), NotFound, "no version '9'. There is '1'"),
    ("a step by position", lambda c: c.get("trial/1").steps[0], NotFound, "no step 0. There is 'number'"),
    ("no input", lambda c: c.get("trial/1/number").input, ValueError, "has no inputs, so .input is not defined"),
    ("no metadata", lambda c: c.get("trial/1").metadata["x"], NotFound, "no metadata entry 'x'. It has none"),
    ("load what is not", lambda c: load_artifact("modle"), NotFound, "Did you mean 'model'"),
    ("an ambiguous name", lambda c: c.get_artifact("mod"), Ambiguous, "'mod' is not unique.*'modus', 'model'"),
    (
        "an ambiguous number",
        lambda c: c.get("1/number"),
        Ambiguous,
        "'1' is not unique.*other/1.*trial/1|trial/1.*other/1",
    ),
    ("an unknown filter", lambda c: c.list_pipeline_runs(stats="x"), QueryInvalid, "'stats'. Did you mean 'status'"),
    (
        "an unknown operator",
        lambda c: c.runs(name="regex:x"),
        QueryInvalid,
        "'regex' is not an operator.*'equals:regex:x'",
    ),
    ("an unknown status", lambda c: c.runs(status="complete"), QueryInvalid, "'complete' is not a status .*completed"),
    ("an unknown time", lambda c: c.runs(created=">=soon"), QueryInvalid, "'soon' is not a time such as '2026-11-01'"),
    ("an unknown order", lambda c: c.runs(sort_by="desc:crated"), QueryInvalid, "Did you mean 'created'"),
    ("an order backwards", lambda c: c.runs(sort_by="created:desc"), QueryInvalid, "begins with 'asc:' or 'desc:'"),
    ("a size", lambda c: c.list_pipeline_runs(size=0), QueryInvalid, "size is a whole number from 1"),
    ("beyond the end", lambda c: c.runs()[1000], IndexError, "no position 1000: the list holds 3 runs"),
    ("a tag of a run", lambda c: c.get("trial/1").add_tags("fine", " "), NameInvalid, "A tag name may not be empty"),
    ("a tag that is none", lambda c: c.get("trial/1").add_tag(["a"]), NameInvalid, r"is a str; \['a'\] is a list"),
    (
        "metadata of a run",
        lambda c: c.get("trial/1").log_metadata({None: 1}),
        NameInvalid,
        "A metadata key is a str; None is",
    ),
    ("a taken version", lambda c: save_artifact(2, "model", version="1"), AlreadyExists, "'model' has a version '1'"),
    ("a taken run name", lambda c: run(number, run_name="mine"), AlreadyExists, r"'mine' already.*\{time\}"),
]


@pytest.mark.parametrize(("act", "kind", "said"), [row[1:] for row in LOOKED_UP], ids=[row[0] for row in LOOKED_UP])
def test_what_is_looked_up_wrongly(act: Callable[[Client], Any], kind: type[Exception], said: str) -> None:
    """A reference or filter that is malformed, absent or ambiguous is an error that says what there is."""
    run(number, run_name="mine")
    run(number)
    run(number, name="other", run_name="a")
    save_artifact(1, "model")
    save_artifact(1, "modus")

    with pytest.raises(kind, match=f"(?s){said}"):
        act(Client())


def _newer(file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute("pragma user_version = 99")
    database.close()


def _damaged(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4096:12288] = b"\xff" * 8192
    file.write_bytes(data)


def _of_another_program(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as database:
        database.execute("create table theirs (a)")
    database.close()


@pytest.mark.parametrize(
    ("spoil", "kind", "said"),
    [
        (_newer, StoreTooNew, "newer runlore .*Upgrade runlore"),
        (_damaged, StoreCorrupt, "is damaged. Restore it from a backup"),
        (_of_another_program, StoreForeign, "database of another program.*Move it away, or set RUNLORE_HOME"),
        (lambda file: file.write_text("hello " * 500), StoreForeign, "is not a runlore record. Move it away"),
    ],
    ids=["newer", "damaged", "another program's", "no database"],
)
def test_a_store_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], Any], kind: type[Exception], said: str
) -> None:
    """A record that is newer, foreign or damaged is refused with the remedy, in Python and on the command line."""
    folder = tmp_path / "spoilt"
    Workspace.open(Settings(home=folder)).close()
    spoil(folder / "record.db")
    with pytest.raises(kind, match=f"(?s){said}"):
        Workspace.open(Settings(home=folder)).client.runs()[:1]

    monkeypatch.setenv("RUNLORE_HOME", str(folder))
    result = CliRunner().invoke(main, ["run", "list"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1
    assert str(folder / "record.db") in result.stderr


def test_a_store_that_stays_locked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that is held for longer than the patience is an error that names the file and how long it waited."""
    run(number)
    monkeypatch.setattr(connection, "PATIENCE", 0.01)
    other = sqlite3.connect(home / "record.db", isolation_level=None)
    other.execute("begin immediate")
    try:
        with pytest.raises(StoreLocked, match=r"held the lock of .*record.db for 0.01 s. Find out whether it hangs"):
            save_artifact(1, "model")
    finally:
        other.rollback()
        other.close()

    assert save_artifact(1, "model").version == "1"


@pytest.mark.parametrize("name", ["store", "artifacts"])
def test_a_place_that_this_version_cannot_use(tmp_path: Path, name: str) -> None:
    """A record elsewhere, which is not there yet, is refused rather than quietly kept in the home folder."""
    with pytest.raises(ConfigurationError, match=f"RUNLORE_{name.upper()}.*home folder only"):
        Workspace.open(Settings(home=tmp_path, **{name: "scheme://place"}))


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("paramters: {x: 1}", "unknown key 'paramters'. Did you mean 'parameters'"),
        ("parameters: {y: 1}", "no parameter 'y'. There is 'x'"),
        ("parameters: {x: abc}", "'x': expected int, got str 'abc'"),
        ("steps: {nmber: {enable_cache: false}}", "step 'nmber'. Did you mean 'number'"),
        ("steps: {number: {enable_cach: false}}", "'enable_cach' at steps.number. Did you mean 'enable_cache'"),
        ("steps: {number: {outputs: {outptu: {}}}}", "no output 'outptu'. Did you mean 'output'"),
        ("steps: [a", "is not valid YAML.*line 1"),
        ("- a", "should hold keys and values"),
    ],
)
def test_a_file_that_says_what_is_not(tmp_path: Path, yaml: str, said: str) -> None:
    """An unknown key, step, output or parameter of a configuration file is an error before anything runs."""
    file = tmp_path / "config.yaml"
    file.write_text(yaml, encoding="utf-8")

    @pipeline
    def configured(x: int = 1) -> Any:
        return number(x)

    with pytest.raises((ConfigurationError, ParameterError, TypeMismatch, DefinitionError), match=f"(?s){said}"):
        configured.with_options(config_path=str(file))()
    assert len(Client().runs()) == 0
