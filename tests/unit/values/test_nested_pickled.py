"""Containers with members that only a pickle holds, and with members that are stored as several files."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlore import load_artifact, save_artifact
from runlore.errors import UntrustedPickle, ValueUnloadable
from runlore.testing.payloads import MemoryWriter, PayloadReader, round_trip
from runlore.values.codec import encode
from runlore.values.materializer import Materializer, Reader, Writer
from runlore.values.registry import by_name, materializer_for

STORE: Any = by_name("nested-pickled")


class Opaque:
    """Nothing but a pickle holds it."""

    def __init__(self, content: Any) -> None:
        self.content = content


@dataclasses.dataclass
class Trained:
    model: Any
    scores: dict[str, float]


class Several:
    """Stored as two files, without a pickle."""

    def __init__(self, weights: bytes, settings: dict[str, Any]) -> None:
        self.weights = weights
        self.settings = settings


class SeveralMaterializer(Materializer):
    """What a library that writes a folder looks like."""

    name = "several-for-tests"
    types = (f"{__name__}.Several",)

    def save(self, value: Any, writer: Writer) -> None:
        with writer.file("deep/settings.json") as file:
            file.write(json.dumps(value.settings).encode())
        with writer.file("weights.bin") as file:
            file.write(value.weights)

    def load(self, reader: Reader) -> Any:
        folder = reader.path()
        assert list(reader.files()) == ["deep/settings.json", "weights.bin"]
        assert reader.file("weights.bin") == (folder / "weights.bin").read_bytes()
        return Several(reader.file("weights.bin"), json.loads((folder / "deep/settings.json").read_text()))


def payload(value: Any) -> bytes:
    writer = MemoryWriter()
    STORE.save(value, writer)
    return b"".join(writer.parts)


def test_only_what_needs_a_pickle_is_pickled() -> None:
    """Plain values, arrays and frames keep their forms; the pickle holds the rest alone."""
    array = numpy.arange(1_000)
    value = {"model": Opaque("weights"), "scores": {"accuracy": 0.5}, "x": array, "frame": pandas.DataFrame({"a": [1]})}
    data = payload(value)
    head, _, rest = data.partition(b"\n")
    place, size = map(int, head.split()[2:])

    assert materializer_for(value).name == "nested-pickled"
    assert head.startswith(b"runlore-nested-pickled-1 ")
    assert b'"scores":{"accuracy":0.5}' in rest
    assert b'"model":{"~":"pickled","n":0}' in rest
    assert array.tobytes() in rest
    assert size < 300
    assert STORE.metadata(value) == {"length": 4, "pickle": True}


def test_what_is_shared_stays_shared(home: Path) -> None:
    """Objects that refer to each other still do, wherever in the container they lie; plain ones are copies."""
    model = Opaque([1.0])
    optimizer = Opaque(model)
    local = type("Local", (), {})()
    save_artifact({"model": model, "rest": (optimizer, [model, 1]), "local": local}, "state")
    found = load_artifact("state")

    assert found["rest"][0].content is found["model"]
    assert found["rest"][1] == [found["model"], 1]
    assert type(found["local"]).__name__ == "Local"


def test_dataclasses_with_models_keep_their_fields(home: Path) -> None:
    """A model inside a dataclass, a list of them, or an array of objects is a leaf of its own."""
    for value in (
        Trained(Opaque(1), {"a": 0.5}),
        [Trained(Opaque(1), {}), None],
        numpy.array([Opaque(1), 2, None], dtype=object),
        {"f": lambda: 7},
    ):
        assert materializer_for(value).name == "nested-pickled"
    save_artifact([Trained(Opaque(1), {"a": 0.5})], "trained")
    (found,) = load_artifact("trained")
    assert (type(found), found.model.content, found.scores) == (Trained, 1, {"a": 0.5})

    @dataclasses.dataclass
    class Local:
        weights: Any

    save_artifact([Local(numpy.ones(2)), numpy.ones(3)], "local")
    found = load_artifact("local")
    assert (found[0].weights.tolist(), found[1].tolist()) == ([1, 1], [1, 1, 1])


def test_many_such_objects_are_one_pickle() -> None:
    """Where nearly everything is an object, the whole is pickled; what alone needs one is, too."""
    assert materializer_for([Opaque(place) for place in range(1_000)]).name == "nested-pickled"
    assert materializer_for([Opaque(place) for place in range(1_001)]).name == "cloudpickle"
    assert materializer_for(Opaque(1)).name == "cloudpickle"


def test_classes_are_found_without_loading() -> None:
    """The classes that the pickle and the text name are found without running either."""
    reader = PayloadReader(Path(), {}, payload([Trained(Opaque(1), {})]))
    naming = STORE.naming(reader)

    assert b"Trained" in naming
    assert b"Opaque" in naming


def test_such_a_container_is_signed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It loads where this installation signed it, or where it is trusted, and not otherwise."""
    version = save_artifact({"model": Opaque(3), "n": 1}, "model")
    assert version.run_metadata["pickle"].value is True
    monkeypatch.setenv("RUNLORE_PICKLE", "never")
    from runlore import Client

    strange = Client().get_artifact_version("model")
    with pytest.raises(UntrustedPickle):
        strange.load()
    assert strange.load(trust=True)["model"].content == 3


nests = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.builds(Opaque, st.integers()) | st.just("array"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.tuples(inner, inner)
        | st.builds(Trained, inner, st.just({"a": 1.0}))
    ),
    max_leaves=12,
)


def opened(value: Any) -> Any:
    """The same with objects written out, so that it can be compared."""
    if isinstance(value, Opaque):
        return ("opaque", value.content)
    if isinstance(value, Trained):
        return ("trained", opened(value.model), value.scores)
    if isinstance(value, dict):
        return {key: opened(member) for key, member in value.items()}
    return type(value)(map(opened, value)) if isinstance(value, list | tuple) else value


@settings(max_examples=50)
@given(nests)
def test_any_container_comes_back(value: Any) -> None:
    """However objects, plain values and containers nest, they come back in their places."""
    if STORE.takes(value):
        found = STORE.load(PayloadReader(Path(), {}, payload(value)))
        assert encode(opened(found)) == encode(opened(value))


def test_members_of_several_files(home: Path, tmp_path: Path) -> None:
    """A member whose materializer writes a folder lies in the one payload, as its files."""
    value = {"net": Several(bytes(100), {"lr": 0.1}), "epoch": 3}
    version = save_artifact(value, "several")
    found = load_artifact("several")

    assert (version.materializer, version.content.form) == ("nested", "inline")
    assert (found["net"].weights, found["net"].settings, found["epoch"]) == (bytes(100), {"lr": 0.1}, 3)
    assert type(round_trip(STORE, [Several(b"", {}), Opaque(1)], tmp_path)[0]) is Several


@pytest.mark.parametrize("name", ["../../evil", "/evil", "a/../../b", "", "a\\\\b"])
def test_files_of_members_stay_in_their_folder(tmp_path: Path, name: str) -> None:
    """A payload that names a file outside of its folder is refused."""
    writer = MemoryWriter()
    by_name("nested").save([Several(b"", {})], writer)
    data = b"".join(writer.parts)
    head, _, rest = data.partition(b"\n")
    size = int(head.split()[1])
    text = rest[:size].replace(b"weights.bin", name.encode())
    start = b"runlore-nested-1 %d\n" % len(text)
    changed = start + text + bytes(-len(start + text) % 64) + data[(len(head) + 1 + size + 63) // 64 * 64 :]

    with pytest.raises(ValueUnloadable):
        by_name("nested").load(PayloadReader(tmp_path, {}, changed))


@pytest.mark.parametrize("cut", [0, 10, 40, 100, -70])
def test_a_damaged_payload_is_an_error(tmp_path: Path, cut: int) -> None:
    """A payload that is cut short, or of another form, is the typed error."""
    data = payload([numpy.arange(10), Opaque(1)])

    with pytest.raises(ValueUnloadable):
        STORE.load(PayloadReader(tmp_path, {}, data[:cut]))
    with pytest.raises(ValueUnloadable):
        by_name("nested").load(PayloadReader(tmp_path, {}, data))
