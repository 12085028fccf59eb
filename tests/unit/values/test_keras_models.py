"""Keras models: weights, compiled state and the project's own layers come back, without Keras's unsafe mode."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

import numpy

from runlore.errors import UntrustedPickle, ValueUnloadable
from runlore.record.blobs.local import LocalBlobs
from runlore.record.memory import MemoryRecord
from runlore.record.vault import Vault
from runlore.testing.payloads import MemoryWriter, round_trip
from runlore.values.codec import decode
from runlore.values.materializer import ArtifactType
from runlore.values.metadata import encode_metadata
from runlore.values.registry import by_name, materializer_for

pytestmark = [
    pytest.mark.slow,
    # Keras's own, with the newest numpy
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),
]

ROWS = numpy.random.default_rng(3).normal(size=(16, 3)).astype("float32")
GOALS = ROWS[:, :2] * 2


class Scaled(keras.layers.Layer):
    """A layer of a project that is not registered with Keras."""

    def __init__(self, factor: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self.factor = factor

    def call(self, x: Any) -> Any:
        return x * self.factor

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable("project")
class Shifted(keras.layers.Layer):
    """A layer of a project that is registered with Keras."""

    def call(self, x: Any) -> Any:
        return x + 1.0


def gap(goal: Any, found: Any) -> Any:
    return keras.ops.mean((goal - found) ** 2, axis=-1)


def plain(**options: Any) -> Any:
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(2)])
    model.compile(**{"optimizer": keras.optimizers.Adam(0.01), "loss": "mse", "metrics": ["mae"], **options})
    return model


def branched() -> Any:
    start = keras.layers.Input((3,))
    left, right = keras.layers.Dense(4)(start), keras.layers.Dense(4)(start)
    model = keras.Model(start, keras.layers.Dense(2)(keras.layers.BatchNormalization()(left + right)))
    model.compile("sgd", "mse")
    return model


def own() -> Any:
    model = keras.Sequential([keras.layers.Input((3,)), Scaled(3.0), Shifted(), keras.layers.Dense(2)])
    model.compile("adam", loss=gap)
    return model


@pytest.mark.parametrize("make", [plain, branched, own], ids=["plain", "branched", "own"])
def test_models_come_back_trained(make: Any, tmp_path: Path) -> None:
    """A trained model predicts the same, is compiled as it was, and its optimizer goes on where it stopped."""
    model = make()
    model.fit(ROWS, GOALS, epochs=2, verbose=0)
    store = materializer_for(model)
    found = round_trip(store, model, tmp_path)

    assert store.name == "keras" and store.runs_code and store.artifact_type is ArtifactType.MODEL
    assert numpy.array_equal(found.predict(ROWS, verbose=0), model.predict(ROWS, verbose=0))
    assert found.compiled and [layer.name for layer in found.layers] == [layer.name for layer in model.layers]
    assert int(found.optimizer.iterations) == int(model.optimizer.iterations) == 2
    for mine, theirs in zip(found.optimizer.variables, model.optimizer.variables, strict=True):
        assert numpy.array_equal(keras.ops.convert_to_numpy(mine), keras.ops.convert_to_numpy(theirs))
    assert found.evaluate(ROWS, GOALS, verbose=0) == model.evaluate(ROWS, GOALS, verbose=0)


@pytest.mark.parametrize(
    "make",
    [plain, lambda: keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])],
    ids=["compiled", "bare"],
)
def test_untrained_models_come_back(make: Any, tmp_path: Path) -> None:
    """A model that was not trained comes back with its weights, compiled or not, and without a warning."""
    model = make()
    found = round_trip(by_name("keras"), model, tmp_path)

    assert found.compiled == model.compiled
    assert all(map(numpy.array_equal, found.get_weights(), model.get_weights()))


def test_the_folder_is_keras_own(tmp_path: Path) -> None:
    """Without runlore, Keras loads the folder."""
    model = plain()
    writer = MemoryWriter()
    by_name("keras").save(model, writer)
    found = keras.saving.load_model(writer.reader(tmp_path).path(), compile=False)

    assert numpy.array_equal(found.predict(ROWS, verbose=0), model.predict(ROWS, verbose=0))


@pytest.mark.parametrize("make", [plain, branched, own], ids=["plain", "branched", "own"])
def test_equal_models_have_equal_digests(make: Any, tmp_path: Path) -> None:
    """A model that is stored twice, or loaded and stored again, has one digest: no times and addresses are kept."""
    vault = Vault(MemoryRecord(), LocalBlobs(tmp_path), key=b"k" * 32)
    model = make()
    model.fit(ROWS, GOALS, verbose=0)
    content = vault.store(model)

    assert vault.store(model).digest == content.digest
    assert vault.store(vault.load(content)).digest == content.digest


def test_others_models_are_not_loaded(tmp_path: Path) -> None:
    """A model file can make Keras run code, so what another installation wrote loads with trust only."""
    blobs, record = LocalBlobs(tmp_path), MemoryRecord()
    content = Vault(record, blobs, key=b"one" * 10).store(plain())
    elsewhere = Vault(record, blobs, key=b"two" * 10)

    with pytest.raises(UntrustedPickle, match="trust=True"):
        elsewhere.load(content)
    assert elsewhere.load(content, trust=True).count_params() == plain().count_params()


def test_lambdas_are_pickled(tmp_path: Path) -> None:
    """A Lambda layer does not load in Keras's safe mode: such a model is pickled, and its record says so."""
    vault = Vault(MemoryRecord(), LocalBlobs(tmp_path), key=b"k" * 32)
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Lambda(lambda x: x * 2)])
    content = vault.store(model)

    assert content.materializer != "keras" and decode(content.meta)["pickle"] is True
    assert numpy.array_equal(vault.load(content).predict(ROWS, verbose=0), ROWS * 2)


def test_models_are_described() -> None:
    """Metadata tell class, parameters, layers, backend, optimizer and loss; the picture lists the layers."""
    model = own()
    described = by_name("keras").metadata(model)
    (picture,) = by_name("keras").pictures(model)

    assert described["parameters"] == described["trainable"] == 8
    assert list(described["layers"].values()) == ["Scaled", "Shifted", "Dense"]
    assert (described["optimizer"], described["loss"], described["backend"]) == ("Adam", "gap", keras.backend.backend())
    assert picture.data.decode().splitlines()[-1].endswith(",Dense,8")
    assert decode(encode_metadata("m", dict(described))) == described


def test_models_name_their_classes() -> None:
    """What a model is made of is told without loading it, so that changed layers rerun the steps that read it."""
    writer = MemoryWriter()
    by_name("keras").save(own(), writer)
    naming = by_name("keras").naming(writer.reader(Path()))

    assert b"Scaled" in naming and b"Shifted" in naming and __name__.encode() in naming


def test_missing_layers_are_told(tmp_path: Path) -> None:
    """A model whose layer nobody knows says which one, and what to do."""
    writer = MemoryWriter()
    by_name("keras").save(own(), writer)
    reader = writer.reader(tmp_path)
    del reader._tree["custom.pkl"]

    with pytest.raises(ValueUnloadable, match="Could not locate class 'Scaled'.*Import the module"):
        by_name("keras").load(reader)
    assert "date_saved" not in json.loads(reader._tree["metadata.json"])
