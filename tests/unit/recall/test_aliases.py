"""Aliases as users meet them: finding by them, moving, rolling back, and what a cached step makes of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest

from runlore import ExternalArtifact, load_artifact, pipeline, save_artifact, step
from runlore.author.current import use_workspace
from runlore.client import Client
from runlore.errors import AlreadyExists, NameInvalid, NotFound
from runlore.settings import Settings
from runlore.workspace import Workspace


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace of the test's own, in force for pipelines and `Client()`, with three versions of a model."""
    opened = Workspace.open(Settings(home=tmp_path / "home", durability="relaxed", progress="quiet"))
    with use_workspace(opened):
        for number in (1, 2, 3):
            save_artifact(number * 10, "model")
        yield opened
        assert [finding for finding in opened.record.check() if not finding.harmless] == []
    opened.close()


def version(label: str) -> Any:
    return Client().get_artifact_version("model", label)


def test_a_version_is_found_by_alias() -> None:
    """An alias stands wherever a label may: get, load, pathspec, artifact, ExternalArtifact, by prefix of the name."""
    version("2").promote("production")
    client = Client()

    found = [
        client.get_artifact_version("model", "production"),
        client.get_artifact_version("mod", "production"),
        client.get("artifact:model@production"),
        client.get_artifact("model")["production"],
        client.get_artifact("model").aliases["production"],
        *client.list_artifact_versions(alias="production"),
        *client.list_artifact_versions("model", alias=["production", "best"]),
    ]
    assert [one.version for one in found] == ["2"] * 7
    assert load_artifact("model", "production") == 20
    assert version("2").aliases == ("production",) and version("3").aliases == ()


def test_one_version_holds_an_alias() -> None:
    """Promoting another version takes the alias from the one before."""
    version("1").promote("production")
    version("1").promote("oldest")
    version("3").promote("production")

    assert version("1").aliases == ("oldest",) and version("3").aliases == ("production",)
    assert {name: one.version for name, one in Client().get_artifact("model").aliases.items()} == {
        "oldest": "1",
        "production": "3",
    }


def test_an_alias_is_rolled_back_to_the_holder_before() -> None:
    """Rolling back gives an alias to whichever held it before, also once it was taken away; once more undoes it."""
    model = Client().get_artifact("model")
    for label in ("1", "2", "3"):
        version(label).promote("production")

    assert model.roll_back("production").version == "2"
    assert model.roll_back("production").version == "3"
    model.remove_alias("production")
    assert model.roll_back("production").version == "3"
    moved = [move.version and move.version.version for move in model.alias_history("production")]
    assert moved == ["1", "2", "3", "2", "3", None, "3"]
    times = [move.at for move in model.alias_history("production")]
    assert times == sorted(times)


def test_what_cannot_be_rolled_back_says_why() -> None:
    """Without a holder before there is nothing to go back to; an alias that never was is named, with what there is."""
    model = Client().get_artifact("model")
    version("1").promote("production")

    with pytest.raises(NotFound, match="No other version of artifact 'model' held 'production' before"):
        model.roll_back("production")
    for refused in (model.roll_back, model.remove_alias, model.alias_history):
        with pytest.raises(NotFound, match="Did you mean 'production'"):
            refused("prodcution")


@pytest.mark.parametrize("alias", ["7", "latest", "", "a/b", "a\n"])
def test_what_means_a_version_already_is_no_alias(alias: str) -> None:
    """Digits, `latest` and what is no name are refused."""
    with pytest.raises(NameInvalid):
        version("1").promote(alias)


def test_a_label_is_no_alias_and_an_alias_no_label() -> None:
    """A version's label cannot be an alias of the artifact, nor an alias the label of a version to be saved."""
    save_artifact(40, "model", version="gold")
    with pytest.raises(AlreadyExists, match="version called 'gold'"):
        version("1").promote("gold")
    version("1").promote("silver")
    with pytest.raises(AlreadyExists, match="'silver'"):
        save_artifact(50, "model", version="silver")
    assert len(Client().get_artifact("model").versions) == 4


def test_an_unknown_version_suggests_aliases_too() -> None:
    """What is neither a label nor an alias is not found, and aliases are among what was probably meant."""
    version("1").promote("production")
    with pytest.raises(NotFound, match="Did you mean 'production'"):
        version("producton")
    with pytest.raises(NotFound, match="'production', '3', '2', '1'"):
        version("9")

    @step
    def use(model: int) -> int:
        return model

    @pipeline
    def using() -> None:
        use(ExternalArtifact(name="model", version="prodction"))

    with pytest.raises(NotFound, match="Did you mean 'production'"):
        using()


@step
def serve() -> Annotated[int, "answer"]:
    return load_artifact("model", "production") + 1


@pipeline
def serving() -> Any:
    return serve()


def test_a_step_is_served_while_the_alias_means_the_same() -> None:
    """A look-up by alias counts: a move makes the step run again, and going back serves the old result."""
    version("1").promote("production")
    runs = [serving(), serving()]
    version("2").promote("production")
    runs += [serving(), serving()]
    Client().get_artifact("model").roll_back("production")
    runs += [serving()]

    assert [run.output.load() for run in runs] == [11, 11, 21, 21, 11]
    assert [run.status for run in runs] == ["completed", "cached", "completed", "cached", "cached"]
    assert dict(runs[4].steps["serve"].inputs) == {"artifact:model@production": version("1")}


def test_reading_aliases_in_a_step_rules_the_cache_out() -> None:
    """What aliases there are may change at any time, so a step that asks serves nobody."""

    @step
    def asking() -> list:
        return list(version("1").aliases)

    @pipeline
    def asked() -> Any:
        return asking()

    assert [asked().status, asked().status] == ["completed", "completed"]


def test_an_alias_is_pinned_when_a_body_is_traced() -> None:
    """In a pipeline's body an alias is the version that holds it then, as an input that shows in lineage."""

    @step
    def promote(model: int) -> int:
        version("3").promote("production")
        return model

    @step
    def use(model: int) -> int:
        return model

    @pipeline
    def using() -> Any:
        model = Client().get_artifact_version("model", "production")
        promote(model)
        return use(ExternalArtifact(name="model", version="production"), after="promote")

    version("1").promote("production")
    run = using()

    assert run.output.load() == 10
    assert run.steps["use"].inputs["model"] == version("1")
    assert version("3").aliases == ("production",)


PROMOTING = """
import sys
from runlore.client import Client
versions = [Client().get_artifact_version("model", label) for label in sys.argv[1:]]
print("ready", flush=True)
sys.stdin.readline()
for turn in range(40):
    versions[turn % 2].promote("production")
"""


def test_two_processes_promote_at_once(workspace: Workspace) -> None:
    """Whoever moves an alias at the same time, exactly one version holds it, and every move is kept."""
    home = str(workspace.settings.home)
    children = [
        subprocess.Popen(
            [sys.executable, "-c", PROMOTING, *labels],
            env={"PYTHONPATH": ":".join(sys.path), "RUNLORE_HOME": home},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for labels in (("1", "2"), ("2", "3"))
    ]
    for child in children:
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
    assert [child.communicate(b"go\n") and child.returncode for child in children] == [0, 0]

    model = Client().get_artifact("model")
    moves = [move.version.version for move in model.alias_history("production") if move.version]
    assert all(one != other for one, other in zip(moves, moves[1:], strict=False))
    assert moves[-1] in ("2", "3")
    assert [one.version for one in model.versions if one.aliases] == [moves[-1]]
