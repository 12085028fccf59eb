"""Namespaces: a tag that a client looks through."""

from __future__ import annotations

from typing import Any

import pytest

from runlore.client import Client, use_namespace
from runlore.errors import NameInvalid, NamespaceMismatch, NotFound
from runlore.workspace import Workspace

#: The `Book` of this folder's conftest, which cannot be imported by name.
Book = Any


@pytest.fixture
def shared(book: Book) -> Book:
    """Ann ran ``training`` twice and Bob once in between; ``other`` is Bob's alone."""
    book.run(system_tags=("user:ann",), name="anns-first")
    book.run(system_tags=("user:bob",), name="bobs")
    book.run(system_tags=("user:ann",), tags=("prod",), name="anns-second")
    book.run("other", system_tags=("user:bob",), name="bobs-other")
    return book


@pytest.fixture
def ann(shared: Book) -> Client:
    """A client that sees what Ann ran."""
    client: Client = shared.client.in_namespace("user:ann")
    return client


def test_lists_hold_what_has_the_tag(shared: Book, ann: Client) -> None:
    """Runs are those with the tag, pipelines those with such a run; without a namespace there is everything."""
    everything = shared.client

    assert everything.namespace is None and ann.namespace == "user:ann"
    assert [run.name for run in ann.runs()] == ["anns-second", "anns-first"]
    assert [run.name for run in ann["training"].runs] == [run.name for run in ann["training"]]
    assert (len(ann.runs()), len(ann["training"]), ann["training"].num_runs, len(everything["training"])) == (
        2,
        2,
        2,
        3,
    )
    assert [pipeline.name for pipeline in ann] == ["training"] and len(ann) == 1
    assert [pipeline.name for pipeline in everything] == ["training", "other"]
    assert [run.name for run in ann.runs(tag="prod")] == ["anns-second"]
    either = ann.list_pipeline_runs(logical_operator="or", name="bobs", number=1)
    assert [run.name for run in either] == ["anns-first"]
    assert list(ann.in_namespace("user:nobody").runs()) == list(ann.in_namespace("user:nobody")) == []
    assert len(ann.in_namespace(None).runs()) == 4 and len(ann.in_namespace("prod").runs()) == 1


def test_the_latest_is_that_of_the_namespace(shared: Book, ann: Client) -> None:
    """`last_run`, `latest`, `previous` and positions speak of the runs in sight."""
    bob = shared.client.in_namespace("user:bob")

    assert ann["training"].last_run.name == ann.get("training/latest").name == "anns-second"
    assert bob["training"].last_run.name == bob["training/latest-successful"].name == "bobs"
    assert ann["training/latest"].previous == ann["training"].runs[-1] == ann["anns-first"]
    assert bob["training/latest"].previous is None


@pytest.mark.parametrize(
    "look",
    [
        lambda client: client["training/2"],
        lambda client: client["training"][2],
        lambda client: client["training/2/train/0/model"],
        lambda client: client["bobs"],
        lambda client: client["bobs/train"],
        lambda client: client.get_pipeline_run("bobs"),
        lambda client: client.get_pipeline_run("bobs-o"),
        lambda client: client["other"],
        lambda client: client["other/1"],
        lambda client: client.get_pipeline("other"),
        lambda client: client.get_pipeline("other", allow_name_prefix_match=False),
        lambda client: client.get_pipeline("oth"),
        lambda client: client.runs("other"),
        lambda client: client.delete_run("bobs"),
    ],
)
def test_what_is_outside_is_an_error_of_its_own(shared: Book, ann: Client, look: Any) -> None:
    """What is recorded, but not in the namespace, is no NotFound; the error names the namespace and the way out."""
    with pytest.raises(
        NamespaceMismatch, match=r"in the namespace 'user:ann'. To look at everything: client.in_namesp"
    ):
        look(ann)
    with pytest.raises(KeyError):
        look(ann)
    assert not issubclass(NamespaceMismatch, NotFound)
    assert len(shared.client.runs()) == 4


def test_in_is_false_outside(shared: Book, ann: Client) -> None:
    """What a namespace hides is not in its containers and lists, by name or by handle; what is nowhere is NotFound."""
    everything = shared.client
    hidden = everything["training/2"]

    assert 2 not in ann["training"] and "bobs" not in ann and "other" not in ann and 1 in ann["training"]
    assert hidden not in ann["training"] and hidden not in ann.runs() and hidden not in ann
    assert everything["other"] not in ann and everything["other"] not in ann.pipelines
    assert hidden in everything["training"] and everything["training/1"] in ann["training"]
    for nowhere in ("training/9", "nothing", "training/1/nope"):
        with pytest.raises(NotFound):
            ann[nowhere]
    with pytest.raises(NotFound, match="no run 'latest' of pipeline 'training' in the namespace 'user:bob2'"):
        ann.in_namespace("user:bob2")._reader.lookup.run("latest", "training")


def test_artifacts_are_shared(shared: Book, ann: Client) -> None:
    """Artifacts are found in every namespace, so that no pipeline loses an input; the way up from one is open, too."""
    bobs = ann["artifact:model@2"]

    assert bobs.load() == shared.client["artifact:model@2"].load()
    assert bobs.run is not None and bobs.run.name == "bobs" and bobs.run.pipeline.name == "training"


def test_handles_remember_where_they_were_found(shared: Book, ann: Client) -> None:
    """A handle keeps the namespace of its client, whatever others look through."""
    pipeline = ann["training"]
    with use_namespace("user:bob"):
        assert [run.name for run in pipeline.runs] == ["anns-second", "anns-first"]
    assert pipeline.parent == ann != shared.client and hash(ann) != hash(shared.client)
    assert repr(ann).endswith(" in namespace 'user:ann'>")


def test_a_block_looks_through_a_namespace(shared: Book) -> None:
    """Clients made in a block take its namespace; after it, also after an error, all is as before."""
    workspace: Workspace = shared.workspace
    with use_namespace("user:ann"):
        assert Client(workspace).namespace == "user:ann" and len(Client(workspace).runs()) == 2
        with use_namespace("user:bob"), pytest.raises(ValueError):
            assert Client(workspace).namespace == "user:bob"
            with use_namespace(None):
                assert Client(workspace).namespace is None
            raise ValueError
        assert Client(workspace).namespace == "user:ann"
        assert Client(workspace, namespace=None).namespace is None
        assert Client(workspace, namespace="prod").namespace == "prod"
    assert Client(workspace).namespace is None
    for wrong in ("", " ", 5, b"x"):
        with pytest.raises(NameInvalid):
            use_namespace(wrong)  # type: ignore[arg-type]
        with pytest.raises(NameInvalid):
            Client(workspace, namespace=wrong)  # type: ignore[arg-type]


def test_the_settings_choose_one(shared: Book) -> None:
    """Without anything else, RUNLORE_NAMESPACE or a settings file says what is looked through."""
    shared.workspace.settings = shared.workspace.settings._replace(namespace="user:bob")

    assert len(Client(shared.workspace).runs()) == 2 and Client(shared.workspace).namespace == "user:bob"
    with use_namespace(None):
        assert len(Client(shared.workspace).runs()) == 4


def test_a_run_comes_into_sight_when_it_is_tagged(shared: Book) -> None:
    """Any tag is a namespace; tagging and untagging moves runs in and out of it at once."""
    looking = shared.client.in_namespace("review")
    assert not looking.runs() and "training" not in looking
    shared.client["training/2"].add_tag("review")
    assert [run.number for run in looking["training"]] == [2]
    shared.client["training/2"].remove_tag("review")
    assert "training" not in looking
