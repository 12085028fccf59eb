"""CatBoost models in CatBoost's own format (cbm), their settings beside it; loading runs no code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import catboost

from runlore.errors import ValueUnloadable
from runlore.values import drawing
from runlore.values.attributes import Attributes, is_offered, read_attributes
from runlore.values.estimators import LISTED, bounded, describe_estimator
from runlore.values.files import scratch_folder, take_folder
from runlore.values.materializer import ArtifactType, Declined, Materializer, Picture, Reader, Writer

_MODEL = "model.cbm"
#: Attributes that are kept otherwise: the model itself, and its parameters.
_LEFT_OUT = ("_object", "_init_params", "_canonized_params")


class CatboostMaterializer(Materializer):
    """Stores a ``CatBoost`` model with its parameters; one with Python functions for settings is pickled."""

    name = "catboost"
    types = ("catboost.core.CatBoost",)
    artifact_type = ArtifactType.MODEL
    extra = "catboost"

    def takes(self, value: Any) -> bool:
        return is_offered(value, catboost)

    def save(self, value: Any, writer: Writer) -> None:
        if not self.takes(value):
            raise Declined(f"{type(value).__qualname__} is no class of CatBoost's own.")
        state = {
            "parameters": dict(value._init_params),
            "attributes": {name: kept for name, kept in vars(value).items() if name not in _LEFT_OUT},
            "evaluated": value._object._get_test_evals(),
        }
        attributes = Attributes(type(value), state)
        if value.is_fitted():
            with scratch_folder() as folder:
                value.save_model(str(folder / _MODEL), format="cbm")
                take_folder(folder, writer)
        attributes.write(writer)

    def load(self, reader: Reader) -> Any:
        cls, state = read_attributes(reader, catboost, catboost.CatBoost)
        model = cls()
        if _MODEL in reader.files():
            try:
                model.load_model(str(reader.path() / _MODEL), format="cbm")
            except catboost.CatBoostError as error:
                raise ValueUnloadable(f"CatBoost {catboost.__version__} does not read the model: {error}.") from error
        if state["evaluated"]:
            model._set_test_evals(state["evaluated"])
        vars(model).update(state["attributes"])
        model._init_params = state["parameters"]
        model._canonized_params = None
        return model

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """Say its ``class``, ``fitted``, ``rounds``, ``best_iteration``, ``parameters``, features and classes."""
        found: dict[str, Any] = {"class": f"{type(value).__module__}.{type(value).__qualname__}"}
        found |= {"fitted": value.is_fitted()} | describe_estimator(value)
        found["parameters"] = bounded(value._init_params)
        if value.is_fitted():
            found["rounds"] = value.tree_count_
            names = value.feature_names_
            found["n_features"] = len(names)
            if len(names) <= LISTED:
                found["feature_names"] = [str(name) for name in names]
            with suppress(Exception):  # there is none without a validation set
                if value.best_iteration_ is not None:
                    found["best_iteration"] = int(value.best_iteration_)
        return found | {"catboost_version": str(catboost.__version__)}

    def pictures(self, value: Any) -> Sequence[Picture]:
        """Features by importance as CSV, the most important first."""
        known = getattr(value, "_prediction_values_change", None)  # asked for anew it may need the training data
        if not value.is_fitted() or known is None:
            return ()
        data = drawing.importances(value.feature_names_, known)
        return (Picture(kind="csv", data=data, name="importance"),)
