"""LightGBM boosters and estimators: the model as LightGBM's own text, its settings beside it; loading runs no code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lightgbm
from lightgbm.compat import _LGBMLabelEncoder

from runlore.errors import ValueUnloadable
from runlore.values import drawing
from runlore.values.attributes import Attributes, is_offered, read_attributes
from runlore.values.estimators import LISTED, bounded, describe_estimator
from runlore.values.files import scratch_folder, take_folder
from runlore.values.materializer import ArtifactType, Declined, Materializer, Picture, Reader, Writer

_MODEL = "model.txt"
#: Attributes of a booster that are no part of it once it is trained, as when LightGBM pickles it; and its handle.
_LEFT_OUT = ("_handle", "train_set", "valid_sets")


class LightgbmMaterializer(Materializer):
    """Stores a ``Booster`` or ``LGBMModel`` with its parameters; one with Python functions for settings is pickled."""

    name = "lightgbm"
    types = ("lightgbm.basic.Booster", "lightgbm.sklearn.LGBMModel")
    artifact_type = ArtifactType.MODEL
    extra = "lightgbm"

    def takes(self, value: Any) -> bool:
        return is_offered(value, lightgbm)

    def save(self, value: Any, writer: Writer) -> None:
        if not self.takes(value):
            raise Declined(f"{type(value).__qualname__} is no class of LightGBM's own.")
        attributes = Attributes(type(value), _state_of(value))
        booster = _booster_of(value)
        if booster is not None:
            with scratch_folder() as folder:
                booster.save_model(folder / _MODEL, num_iteration=-1)  # all, not those up to the best
                take_folder(folder, writer)
        attributes.write(writer)

    def load(self, reader: Reader) -> Any:
        cls, state = read_attributes(reader, lightgbm, object)
        booster = None
        if _MODEL in reader.files():
            try:
                booster = lightgbm.Booster(model_file=reader.path() / _MODEL)
            except lightgbm.basic.LightGBMError as error:
                raise ValueUnloadable(f"LightGBM {lightgbm.__version__} does not read the model: {error}.") from error
            vars(booster).update(state["booster"])
        if cls is lightgbm.Booster and booster is not None:
            return booster
        if not issubclass(cls, lightgbm.LGBMModel):
            raise ValueUnloadable(f"The payload is no LightGBM model, but of class {cls.__qualname__}.")
        model = cls.__new__(cls)
        vars(model).update(state["model"])
        if "_le" in state["model"] and state["labels"] is not None:
            encoder: Any = _LGBMLabelEncoder()
            encoder.classes_ = state["labels"]
            model._le = encoder
        if booster is not None:
            model._Booster = booster
        return model

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """Say its ``class``, ``fitted``, ``rounds``, ``best_iteration``, ``parameters`` and features.

        Of an estimator also what `describe_estimator` says.
        """
        booster = _booster_of(value)
        found: dict[str, Any] = {"class": f"{type(value).__module__}.{type(value).__qualname__}"}
        found["fitted"] = booster is not None
        if booster is not None:
            names = booster.feature_name()
            found |= {"rounds": booster.current_iteration(), "n_features": len(names)}
            found["best_iteration"] = booster.best_iteration
            if len(names) <= LISTED:
                found["feature_names"] = names
            found["parameters"] = bounded(booster.params)
        if not isinstance(value, lightgbm.Booster):
            found |= describe_estimator(value)
        return found | {"lightgbm_version": str(lightgbm.__version__)}

    def pictures(self, value: Any) -> Sequence[Picture]:
        """Features by gain as CSV, the most important first."""
        booster = _booster_of(value)
        if booster is None:
            return ()
        data = drawing.importances(booster.feature_name(), booster.feature_importance("gain"))
        return (Picture(kind="csv", data=data, name="importance"),)


def _booster_of(value: Any) -> Any:
    return value if isinstance(value, lightgbm.Booster) else vars(value).get("_Booster")


def _state_of(value: Any) -> dict[str, Any]:
    booster = _booster_of(value)
    state: dict[str, Any] = {"booster": {}, "model": {}, "labels": None}
    if booster is not None:
        state["booster"] = {name: kept for name, kept in vars(booster).items() if name not in _LEFT_OUT}
    if not isinstance(value, lightgbm.Booster):
        model = {name: kept for name, kept in vars(value).items() if name != "_Booster" or kept is None}
        encoder: Any = model.get("_le")
        if type(encoder) is _LGBMLabelEncoder and list(vars(encoder)) == ["classes_"]:
            state["labels"] = encoder.classes_
            model["_le"] = None
        state["model"] = model
    return state
