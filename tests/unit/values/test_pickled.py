"""The one gate through which pickles are loaded."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from enum import Enum
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from runlore.errors import UntrustedPickle, ValueUnloadable, ValueUnstorable
from runlore.testing.payloads import MemoryWriter
from runlore.values.codec import decode
from runlore.values.materializer import ArtifactType
from runlore.values.metadata import encode_metadata
from runlore.values.pickled import CloudpickleMaterializer, artifact_type_of, dumps, loads, sign

KEY = b"k" * 32
ran: list[str] = []


class Bomb:
    def __reduce__(self) -> Any:
        return ran.append, ("boom",)


def test_own_pickles_load() -> None:
    """A pickle with this installation's MAC loads, functions made on the spot included."""
    data = dumps(lambda x: x + 1)

    assert loads(data, mac=sign(data, KEY), key=KEY)(1) == 2


def test_classes_of_this_process_stay_as_they_are() -> None:
    """Loading a value whose class travels inside its pickle leaves the class as it is where it was defined."""

    class Model:
        scale = 1

        def predict(self) -> int:
            return self.scale

    class Colour(Enum):
        RED = 1

        def shout(self) -> str:
            return self.name + "!"

    data = dumps([Model(), Colour.RED])
    before, shout, Model.scale = Model.predict, Colour.shout, 2
    model, colour = loads(data, mac=sign(data, KEY), key=KEY)

    assert type(model) is Model and colour is Colour.RED
    assert Model.predict is before and Colour.shout is shout
    assert model.predict() == 2


def test_classes_of_other_processes_come_with_their_pickles() -> None:
    """A class that only the pickle knows is made of it, at every load."""
    code = (
        "import sys\nfrom runlore.values.pickled import dumps\nclass Model:\n"
        "    def predict(self): return 7\n"
        "sys.stdout.buffer.write(dumps(Model()))"
    )
    data = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True).stdout

    models = [loads(data, mac=sign(data, KEY), key=KEY) for _ in range(2)]
    assert [model.predict() for model in models] == [7, 7]
    assert type(models[0]) is type(models[1])


@pytest.mark.parametrize(
    "view",
    [
        memoryview(b"ab"),
        memoryview(bytearray(b"abcd"))[::2],
        memoryview(bytes(48)).cast("d", [2, 3]),
        memoryview(numpy.array(3)),
    ],
    ids=["bytes", "every other", "numbers", "one number"],
)
def test_views_stay_views(view: memoryview) -> None:
    """A memoryview inside a pickle comes back as one, of the same form, and can be written to if that one could."""
    data = dumps([view])
    (found,) = loads(data, mac=sign(data, KEY), key=KEY)

    assert type(found) is memoryview
    assert (found.tolist(), found.format, found.shape) == (view.tolist(), view.format, view.shape)
    assert found.readonly is view.readonly


def test_views_that_nothing_makes_again_are_refused() -> None:
    """A memoryview of numbers that Python has no letter for is refused instead of becoming bytes."""
    with pytest.raises(ValueUnstorable, match="A memoryview of format '>i'"):
        dumps({"a": memoryview(numpy.arange(3, dtype=">i4"))})


@pytest.mark.parametrize(
    ("mac", "key", "message"),
    [
        (None, KEY, "carries no signature"),
        (b"", KEY, "another installation signed it"),
        (sign(b"other", KEY), KEY, "or it was changed"),
        ("other key", KEY, "another installation signed it"),
        ("empty key", b"", "another installation signed it"),
    ],
)
def test_foreign_pickles_run_nothing(mac: Any, key: bytes, message: str) -> None:
    """Without the right MAC nothing of the pickle runs, whatever is wrong; an empty key vouches for nothing."""
    data = pickle.dumps(Bomb())
    mac = {"other key": sign(data, b"x" * 32), "empty key": sign(data, b"")}.get(mac, mac)
    ran.clear()

    with pytest.raises(UntrustedPickle, match=message) as caught:
        loads(data, mac=mac, key=key)
    assert ran == []
    assert "trust=True" in str(caught.value)


def test_trust_is_a_decision() -> None:
    """With `trust` a pickle loads whoever wrote it."""
    assert loads(pickle.dumps([1]), mac=None, key=KEY, trust=True) == [1]


def test_the_materializer_alone_never_unpickles(tmp_path: Path) -> None:
    """Reading through the materializer itself, where nobody vouches for the bytes, is refused."""
    writer = MemoryWriter()
    CloudpickleMaterializer().save({1, 2}, writer)

    with pytest.raises(UntrustedPickle):
        CloudpickleMaterializer().load(writer.reader(tmp_path))


def test_unpicklable_values_say_so() -> None:
    """What cannot be pickled is refused, naming its type and the way out."""
    with pytest.raises(ValueUnstorable, match="A _thread.lock cannot be stored: TypeError: .*Materializer"):
        dumps(threading.Lock())


def test_what_does_not_load_says_why() -> None:
    """A missing module and a damaged pickle are typed errors."""
    with pytest.raises(ValueUnloadable, match="needs the module 'nowhere_at_all'"):
        loads(b"cnowhere_at_all\nThing\n.", mac=None, key=KEY, trust=True)
    with pytest.raises(ValueUnloadable, match="does not load here"):
        loads(b"\x80\x05garbage", mac=None, key=KEY, trust=True)


def test_models_are_described() -> None:
    """A trained model says its class and parameters, and counts as a model; its class does not."""
    model = LogisticRegression(C=0.5)
    described = CloudpickleMaterializer().metadata(model)

    assert described["class"].endswith("LogisticRegression") and described["pickle"] is True
    assert described["parameters"]["C"] == 0.5
    assert not {"classes", "n_features"} & set(described)
    assert artifact_type_of(model) is ArtifactType.MODEL
    assert artifact_type_of(LogisticRegression) is artifact_type_of(3) is ArtifactType.DATA


@pytest.mark.parametrize("labels", [[0, 1, 2], ["a", "b", "c"], [True, False, True]], ids=["int", "text", "bool"])
def test_trained_models_say_what_they_learned(labels: list[Any]) -> None:
    """A trained model says how many features it takes and which classes it tells apart, as Python values."""
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0]], labels)
    described = CloudpickleMaterializer().metadata(model)

    assert described["n_features"] == 2
    assert described["classes"] == sorted(set(labels))
    assert set(map(type, described["classes"])) == {type(labels[0])}
    assert decode(encode_metadata("model", dict(described))) == described


def test_models_that_do_not_answer_are_stored_all_the_same() -> None:
    """A model whose attributes raise, or that knows a great many classes, is described by the rest."""

    class Odd:
        classes_ = range(1_000)

        def fit(self) -> None: ...

        def get_params(self, deep: bool) -> dict[str, int]:
            raise RuntimeError("no")

        @property
        def n_features_in_(self) -> int:
            raise AttributeError("not trained")

    assert set(CloudpickleMaterializer().metadata(Odd())) == {"class", "pickle"}


def test_arrays_and_frames_that_are_pickled_say_their_shape() -> None:
    """An array or frame that has no exact form, and is pickled, says shape and dtype all the same."""
    masked = CloudpickleMaterializer().metadata(numpy.ma.masked_array([[1, 2]], [[0, 1]], dtype="i4"))
    frame = CloudpickleMaterializer().metadata(pandas.DataFrame({"a": [1j], "b": ["x"]}))

    assert (masked["shape"], masked["dtype"]) == ([1, 2], "int32")
    assert (frame["shape"], frame["dtype"]["a"]) == ([1, 2], "complex128")
