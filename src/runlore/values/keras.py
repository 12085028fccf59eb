"""Keras 3 models: the members of a ``.keras`` archive as files, with the project's own layers pickled beside them.

Keras can run code that a model file holds or names, and its own switch against that has failed before; so these files
are signed, and Keras is told to be safe as well. What only loads without that switch is pickled.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

from runlore.errors import ValueUnloadable
from runlore.values import drawing, pickled
from runlore.values.files import scratch_folder, take_folder
from runlore.values.materializer import ArtifactType, Declined, Materializer, Picture, Reader, Writer

try:
    import keras
except ModuleNotFoundError as error:
    if error.name not in ("tensorflow", "jax", "torch"):
        raise
    what = f"{error.name}, or another backend of Keras that is installed and named by KERAS_BACKEND"
    raise ModuleNotFoundError(str(error), name=what) from error

_CONFIG, _METADATA, _CUSTOM = "config.json", "metadata.json", "custom.pkl"
_LISTED = 100
_ROWS = 1_000
#: What Keras warns of, and need not, when a model was compiled and not trained: its optimizer has no state to lose.
_UNTRAINED = "Skipping variable loading for optimizer .* whereas the saved optimizer has 2 variables"


class KerasMaterializer(Materializer):
    """Stores models with weights, compiled state and optimizer; classes and functions of scripts travel inside."""

    name = "keras"
    types = ("keras.src.models.model.Model",)
    artifact_type = ArtifactType.MODEL
    extra = "keras"
    runs_code = True

    def save(self, value: Any, writer: Writer) -> None:
        with scratch_folder() as folder:
            place = folder / "model"
            try:
                keras.saving.save_model(value, place, zipped=False)
            except (ValueError, TypeError, NotImplementedError) as error:
                raise Declined(f"Keras does not save this {type(value).__qualname__}: {error}.") from error
            config = json.loads((place / _CONFIG).read_text(encoding="utf-8"))
            if _holds_lambda(config):
                raise Declined(
                    "A Lambda layer holds Python code, which Keras does not load safely. Write a Layer class."
                )
            _without_accidents(place, config)
            custom = _custom_objects(value, config)
            if custom:
                (place / _CUSTOM).write_bytes(pickled.dumps(custom))
            take_folder(place, writer)

    def load(self, reader: Reader) -> Any:
        path = reader.path()
        custom = pickled.unpickle(io.BytesIO(reader.file(_CUSTOM))) if _CUSTOM in reader.files() else None
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", _UNTRAINED)
                return keras.saving.load_model(path, custom_objects=custom, safe_mode=True)
        except (ValueError, TypeError, OSError, KeyError, RuntimeError) as error:
            problem = str(error).partition(" Full object config")[0]
            raise ValueUnloadable(
                f"Keras {keras.__version__} does not load the model: {problem} Import the module that defines its own "
                "layers and functions first, or install the version of Keras that saved it."
            ) from error

    def naming(self, reader: Reader) -> bytes:
        custom = reader.file(_CUSTOM) if _CUSTOM in reader.files() else b""
        return reader.file(_CONFIG) + custom

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """Say its ``class``, ``parameters``, ``trainable`` ones, ``layers`` by class, ``backend`` and the release.

        Of a compiled model also ``optimizer`` and ``loss``.
        """
        found: dict[str, Any] = {"class": f"{type(value).__module__}.{type(value).__qualname__}", "built": value.built}
        if value.built:
            found["parameters"] = int(value.count_params())
            found["trainable"] = sum(_size(weight) for weight in value.trainable_weights)
        found["layers"] = {layer.name: type(layer).__qualname__ for layer in value.layers[:_LISTED]}
        if value.compiled:
            found["optimizer"] = type(value.optimizer).__qualname__
            loss = getattr(value, "loss", None)
            found["loss"] = loss if isinstance(loss, str) else _name_of(loss)
        return found | {"backend": keras.backend.backend(), "keras_version": str(keras.__version__)}

    def pictures(self, value: Any) -> Sequence[Picture]:
        """Its layers with their class and number of parameters as CSV, the first thousand."""
        rows = [("layer", "class", "parameters")]
        for layer in value.layers[:_ROWS]:
            rows.append((layer.name, type(layer).__qualname__, str(layer.count_params()) if layer.built else ""))
        return (Picture(kind="csv", data=drawing.table(rows), name="layers"),)


def _name_of(loss: Any) -> str:
    return str(getattr(loss, "__name__", None) or getattr(loss, "name", None) or repr(loss))[:200]


def _size(weight: Any) -> int:
    count = 1
    for length in weight.shape:
        count *= length
    return int(count)


def _dicts(found: Any) -> Iterator[dict[str, Any]]:
    if isinstance(found, dict):
        yield found
        found = list(found.values())
    if isinstance(found, list):
        for each in found:
            yield from _dicts(each)


def _holds_lambda(config: Any) -> bool:
    return any(each.get("class_name") in ("Lambda", "__lambda__", "__marshal__") for each in _dicts(config))


def _without_accidents(place: Path, config: Any) -> None:
    """Leave out when it was saved, and number what is shared as it comes, so that equal models are equal files."""
    numbers: dict[int, int] = {}
    for each in _dicts(config):
        if each.get("class_name") == "DTypePolicy":  # a name in other words: who shares it makes no difference
            each.pop("shared_object_id", None)
        elif isinstance(each.get("shared_object_id"), int):
            each["shared_object_id"] = numbers.setdefault(each["shared_object_id"], len(numbers) + 1)
    (place / _CONFIG).write_text(json.dumps(config), encoding="utf-8")
    metadata = json.loads((place / _METADATA).read_text(encoding="utf-8"))
    metadata.pop("date_saved", None)
    (place / _METADATA).write_text(json.dumps(metadata), encoding="utf-8")


def _custom_objects(model: Any, config: Any) -> dict[str, Any]:
    """Classes and functions that the configuration names and that are not Keras's own, by the name it has for them."""
    wanted = {name for each in _dicts(config) if isinstance(name := each.get("registered_name"), str)}
    wanted |= {
        name
        for each in _dicts(config)
        if each.get("class_name") == "function" and isinstance(name := each.get("config"), str)
    }
    found = {}
    for one in _used(model):
        if one.__module__.partition(".")[0] != "keras":
            name = keras.saving.get_registered_name(one)
            if name in wanted:
                found[name] = one
    for name in wanted - found.keys():
        registered = keras.saving.get_registered_object(name)
        if registered is not None and registered.__module__.partition(".")[0] != "keras":
            found[name] = registered
    return dict(sorted(found.items()))


def _used(model: Any) -> Iterator[Any]:
    compiled = getattr(model, "_compile_config", None)
    pending = [*model._flatten_layers(), *([vars(compiled)] if compiled is not None else [])]
    while pending:
        one = pending.pop()
        if isinstance(one, type | FunctionType):
            yield one
        elif isinstance(one, dict):
            pending += one.values()
        elif isinstance(one, list | tuple):
            pending += one
        else:
            yield type(one)
            if isinstance(one, keras.layers.Layer):
                pending += [kept for kept in vars(one).values() if isinstance(kept, FunctionType)]
