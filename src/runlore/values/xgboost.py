"""XGBoost boosters and estimators: the model in XGBoost's own format, its settings beside it; loading runs no code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import xgboost

from runlore.errors import ValueUnloadable
from runlore.values import drawing
from runlore.values.attributes import Attributes, is_offered, read_attributes
from runlore.values.estimators import LISTED, describe_estimator
from runlore.values.files import scratch_folder, take_folder
from runlore.values.materializer import ArtifactType, Declined, Materializer, Picture, Reader, Writer

_MODEL = "model.ubj"
_CONFIG = "config.json"


class XgboostMaterializer(Materializer):
    """Stores a ``Booster`` or ``XGBModel`` with its parameters; one with Python functions for settings is pickled."""

    name = "xgboost"
    types = ("xgboost.core.Booster", "xgboost.sklearn.XGBModel")
    artifact_type = ArtifactType.MODEL
    extra = "xgboost"

    def takes(self, value: Any) -> bool:
        return is_offered(value, xgboost)

    def save(self, value: Any, writer: Writer) -> None:
        if not self.takes(value):
            raise Declined(f"{type(value).__qualname__} is no class of XGBoost's own.")
        state = {name: member for name, member in vars(value).items() if name not in ("_Booster", "handle")}
        attributes = Attributes(type(value), state)
        booster = _booster_of(value)
        if booster is not None:
            with scratch_folder() as folder:
                booster.save_model(folder / _MODEL)
                # what it was trained with, such as the learning rate, is not in the model
                (folder / _CONFIG).write_text(booster.save_config(), encoding="utf-8")
                take_folder(folder, writer)
        attributes.write(writer)

    def load(self, reader: Reader) -> Any:
        cls, attributes = read_attributes(reader, xgboost, object)
        booster = _read_booster(reader.path()) if _MODEL in reader.files() else None
        if cls is xgboost.Booster and booster is not None:
            vars(booster).update(attributes)
            return booster
        if not issubclass(cls, xgboost.XGBModel):
            raise ValueUnloadable(f"The payload is no XGBoost model, but of class {cls.__qualname__}.")
        model = cls.__new__(cls)
        vars(model).update(attributes)
        if booster is not None:
            model._Booster = booster
        return model

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """Say its ``class``, ``fitted``, ``rounds``, ``best_iteration``, ``best_score`` and features.

        Of an estimator also what `describe_estimator` says.
        """
        booster = _booster_of(value)
        found: dict[str, Any] = {"class": f"{type(value).__module__}.{type(value).__qualname__}"}
        found["fitted"] = booster is not None
        if not isinstance(value, xgboost.Booster):
            found |= describe_estimator(value)
        if booster is not None:
            found |= {"rounds": booster.num_boosted_rounds(), "n_features": booster.num_features()}
            names = booster.feature_names
            if names and len(names) <= LISTED:
                found["feature_names"] = [str(name) for name in names]
            for note, read in (("best_iteration", int), ("best_score", float)):
                kept = booster.attr(note)
                if kept is not None:
                    with suppress(ValueError):  # somebody else's text
                        found[note] = read(kept)
        return found | {"xgboost_version": str(xgboost.__version__)}

    def pictures(self, value: Any) -> Sequence[Picture]:
        """Features by gain as CSV, the most important first."""
        booster = _booster_of(value)
        if booster is None:
            return ()
        with suppress(Exception):  # linear boosters of several classes have no such thing
            gains = booster.get_score(importance_type="gain" if _has_trees(booster) else "weight")
            if gains and not any(isinstance(gain, list) for gain in gains.values()):
                data = drawing.importances(gains.keys(), gains.values())
                return (Picture(kind="csv", data=data, name="importance"),)
        return ()


def _booster_of(value: Any) -> Any:
    return value if isinstance(value, xgboost.Booster) else vars(value).get("_Booster")


def _has_trees(booster: Any) -> bool:
    return '"gblinear"' not in booster.save_config()


def _read_booster(folder: Path) -> Any:
    try:
        booster = xgboost.Booster(model_file=folder / _MODEL)
        booster.load_config((folder / _CONFIG).read_text(encoding="utf-8"))
    except xgboost.core.XGBoostError as error:
        raise ValueUnloadable(f"XGBoost {xgboost.__version__} does not read the model: {error}.") from error
    return booster
