"""XGBoost, LightGBM and CatBoost: exact predictions, own formats, parameters, and no code when they load."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

xgboost = pytest.importorskip("xgboost")
lightgbm = pytest.importorskip("lightgbm")
catboost = pytest.importorskip("catboost")

from runlore.errors import ValueUnloadable
from runlore.record.blobs.local import LocalBlobs
from runlore.record.memory import MemoryRecord
from runlore.record.vault import Vault
from runlore.testing.payloads import MemoryWriter, round_trip
from runlore.values.codec import decode
from runlore.values.materializer import ArtifactType
from runlore.values.metadata import encode_metadata
from runlore.values.registry import by_name, materializer_for

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")]

ROWS = numpy.random.default_rng(5).normal(size=(120, 4))
SIGNS = (ROWS[:, 0] + 0.3 * ROWS[:, 1] > 0).astype(int)
NAMES = numpy.where(SIGNS == 1, "yes", "no")
THREE = (ROWS[:, 0] > 0.4).astype(int) + (ROWS[:, 0] > -0.4)
FRAME = pandas.DataFrame(ROWS, columns=["a", "b", "c", "d"])
KINDS = FRAME.assign(kind=pandas.Categorical(NAMES))
QUIET = {"verbose": 0, "allow_writing_files": False, "thread_count": 1}


def _gap(labels: Any, predicted: Any) -> Any:
    return predicted - labels, numpy.ones_like(predicted)


MODELS: dict[str, tuple[str, Any, Callable[[Any], Any]]] = {
    "xgboost classifier": (
        "xgboost",
        lambda: xgboost.XGBClassifier(n_estimators=4, max_depth=2, eta=0.3, n_jobs=1).fit(ROWS, SIGNS),
        lambda model: model.predict_proba(ROWS),
    ),
    "xgboost of three classes": (
        "xgboost",
        lambda: xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(FRAME, THREE),
        lambda model: model.predict_proba(FRAME),
    ),
    "xgboost stopped early": (
        "xgboost",
        lambda: xgboost.XGBRegressor(n_estimators=30, early_stopping_rounds=2, n_jobs=1).fit(
            ROWS[:80], SIGNS[:80], eval_set=[(ROWS[80:], SIGNS[80:])], verbose=False
        ),
        lambda model: (model.predict(ROWS).tolist(), model.best_iteration, model.evals_result()),
    ),
    "xgboost ranker": (
        "xgboost",
        lambda: xgboost.XGBRanker(n_estimators=3, n_jobs=1).fit(ROWS, SIGNS, group=[60, 60]),
        lambda model: model.predict(ROWS),
    ),
    "xgboost forest": (
        "xgboost",
        lambda: xgboost.XGBRFRegressor(n_estimators=3, n_jobs=1).fit(ROWS, SIGNS),
        lambda model: model.predict(ROWS),
    ),
    "xgboost of kinds": (
        "xgboost",
        lambda: xgboost.XGBClassifier(n_estimators=3, enable_categorical=True, n_jobs=1).fit(KINDS, SIGNS),
        lambda model: model.predict_proba(KINDS),
    ),
    "xgboost linear": (
        "xgboost",
        lambda: xgboost.XGBRegressor(n_estimators=3, booster="gblinear", n_jobs=1).fit(ROWS, SIGNS),
        lambda model: model.predict(ROWS),
    ),
    "xgboost booster": (
        "xgboost",
        lambda: xgboost.train(
            {"eta": 0.2, "objective": "binary:logistic", "nthread": 1},
            xgboost.DMatrix(FRAME, SIGNS),
            4,
        ),
        lambda booster: (booster.predict(xgboost.DMatrix(FRAME)).tolist(), booster.save_config()),
    ),
    "lightgbm classifier": (
        "lightgbm",
        lambda: lightgbm.LGBMClassifier(n_estimators=4, verbose=-1, n_jobs=1).fit(FRAME, NAMES),
        lambda model: (model.predict_proba(FRAME).tolist(), model.predict(FRAME).tolist()),
    ),
    "lightgbm stopped early": (
        "lightgbm",
        lambda: lightgbm.LGBMRegressor(n_estimators=30, verbose=-1, n_jobs=1).fit(
            FRAME[:80],
            SIGNS[:80],
            eval_set=[(FRAME[80:], SIGNS[80:])],
            callbacks=[lightgbm.early_stopping(2, verbose=False)],
        ),
        lambda model: (
            model.predict(FRAME).tolist(),
            model.predict(FRAME, num_iteration=12).tolist(),
            model.best_iteration_,
            model.evals_result_,
        ),
    ),
    "lightgbm ranker": (
        "lightgbm",
        lambda: lightgbm.LGBMRanker(n_estimators=3, verbose=-1, n_jobs=1).fit(FRAME, SIGNS, group=[60, 60]),
        lambda model: model.predict(FRAME),
    ),
    "lightgbm of kinds": (
        "lightgbm",
        lambda: lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(KINDS, SIGNS),
        lambda model: (model.predict_proba(KINDS).tolist(), model.booster_.pandas_categorical),
    ),
    "lightgbm booster": (
        "lightgbm",
        lambda: lightgbm.train({"verbose": -1, "num_threads": 1}, lightgbm.Dataset(FRAME, SIGNS), 4),
        lambda booster: (booster.predict(FRAME).tolist(), booster.params, booster.feature_name()),
    ),
    "catboost classifier": (
        "catboost",
        lambda: catboost.CatBoostClassifier(iterations=4, **QUIET).fit(FRAME, NAMES),
        lambda model: (model.predict_proba(FRAME).tolist(), model.predict(FRAME).tolist(), model.learning_rate_),
    ),
    "catboost stopped early": (
        "catboost",
        lambda: catboost.CatBoostRegressor(iterations=30, early_stopping_rounds=2, **QUIET).fit(
            ROWS[:80], SIGNS[:80], eval_set=(ROWS[80:], SIGNS[80:])
        ),
        # CatBoost's own file keeps 16 digits of its scores
        lambda model: (
            model.predict(ROWS).tolist(),
            model.best_iteration_,
            [f"{score:.14f}" for scores in model.evals_result_.values() for score in scores["RMSE"]],
        ),
    ),
    "catboost of kinds": (
        "catboost",
        lambda: catboost.CatBoostClassifier(iterations=3, cat_features=["kind"], **QUIET).fit(KINDS, SIGNS),
        lambda model: model.predict_proba(KINDS),
    ),
    "catboost": (
        "catboost",
        lambda: catboost.CatBoost({"iterations": 3, "loss_function": "RMSE", **QUIET}).fit(ROWS, SIGNS),
        lambda model: (model.predict(ROWS).tolist(), sorted(model.get_all_params())),
    ),
}


@pytest.mark.parametrize("case", MODELS.values(), ids=list(MODELS))
def test_trained_models_come_back_exactly(case: Any, tmp_path: Path) -> None:
    """A model comes back with its class and parameters and predicts the same bits; loading it runs no code."""
    family, train, ask = case
    model = train()
    store = materializer_for(model)
    found = round_trip(store, model, tmp_path)

    assert store.name == family and not store.runs_code and store.artifact_type is ArtifactType.MODEL
    assert type(found) is type(model)
    assert repr(ask(found)) == repr(ask(model)) and numpy.array_equal(
        *(numpy.asarray(ask(each)) if not isinstance(ask(each), tuple) else 0 for each in (found, model))
    )
    if hasattr(model, "get_params"):
        assert repr(found.get_params()) == repr(model.get_params())
    for name in ("classes_", "feature_names_in_", "n_features_in_", "feature_importances_"):
        assert repr(getattr(found, name, None)) == repr(getattr(model, name, None))


@pytest.mark.parametrize(
    "model",
    [
        xgboost.XGBClassifier(n_estimators=7),
        lightgbm.LGBMRegressor(n_estimators=7),
        catboost.CatBoostClassifier(n_estimators=7, **QUIET),
    ],
    ids=["xgboost", "lightgbm", "catboost"],
)
def test_untrained_models_come_back_untrained(model: Any, tmp_path: Path) -> None:
    """A model that was not trained keeps its parameters, is untrained, and can be trained."""
    store = materializer_for(model)
    found = round_trip(store, model, tmp_path)

    assert store.metadata(model)["fitted"] is False and store.pictures(model) == ()
    assert repr(found.get_params()) == repr(model.get_params())
    assert found.set_params(n_estimators=2).fit(ROWS, SIGNS).predict(ROWS).shape == (120,)


def test_training_goes_on_as_it_would_have(tmp_path: Path) -> None:
    """A booster that was loaded is trained on with the parameters that it had."""
    data = xgboost.DMatrix(FRAME, SIGNS)
    booster = MODELS["xgboost booster"][1]()
    found = round_trip(by_name("xgboost"), booster, tmp_path)
    for each in (booster, found):
        each.update(data, 4)

    assert numpy.array_equal(found.predict(data), booster.predict(data))


@pytest.mark.parametrize(
    ("model", "pickled"),
    [
        (xgboost.XGBRegressor(objective=_gap), "sklearn"),
        (lightgbm.LGBMRegressor(objective=_gap), "sklearn"),
        (catboost.CatBoostRegressor(loss_function=type("Loss", (), {"calc_ders_range": _gap})()), "cloudpickle"),
    ],
    ids=["xgboost", "lightgbm", "catboost"],
)
def test_functions_for_settings_are_pickled(model: Any, pickled: str, tmp_path: Path) -> None:
    """A model whose objective is a Python function is pickled, and its record says so."""
    vault = Vault(MemoryRecord(), LocalBlobs(tmp_path), key=b"k" * 32)
    content = vault.store(model)

    assert content.materializer == pickled and decode(content.meta)["pickle"] is True
    assert content.artifact_type == "ModelArtifact"
    assert type(vault.load(content)) is type(model)


class Mine(xgboost.XGBClassifier):
    """What a project derives of a library's class."""


def test_classes_of_ones_own_are_pickled(tmp_path: Path) -> None:
    """A class derived from a library's is not found by the library, so it is pickled with its class."""
    vault = Vault(MemoryRecord(), LocalBlobs(tmp_path), key=b"k" * 32)
    content = vault.store(Mine(n_estimators=3, n_jobs=1).fit(ROWS, SIGNS))

    assert content.materializer == "sklearn"
    assert isinstance(vault.load(content), Mine)


@pytest.mark.parametrize("name", ["xgboost classifier", "lightgbm classifier", "catboost classifier"])
def test_models_are_described(name: str) -> None:
    """Metadata tell class, parameters, rounds, features, classes and release, in plain types; features are pictured."""
    family, train, _ = MODELS[name]
    model = train()
    store = by_name(family)
    described = store.metadata(model)
    (picture,) = store.pictures(model)

    assert described["fitted"] is True and described["rounds"] == 4 and described["n_features"] == 4
    assert len(described["classes"]) == 2 and described[f"{family}_version"]
    setting = "iterations" if family == "catboost" else "n_estimators"
    assert described["parameters"][setting] == 4
    assert decode(encode_metadata("m", dict(described))).keys() == described.keys()
    assert picture.kind == "csv" and picture.data.startswith(b"feature,importance\n")


def test_stopping_early_is_described() -> None:
    """Metadata tell the best iteration of a model that stopped early."""
    for name in ("xgboost stopped early", "lightgbm stopped early", "catboost stopped early"):
        family, train, _ = MODELS[name]
        model = train()
        described = by_name(family).metadata(model)
        best = model.best_iteration if family == "xgboost" else model.best_iteration_

        assert described["best_iteration"] == best


def test_the_libraries_read_their_files(tmp_path: Path) -> None:
    """Without runlore each library reads the model's file, and predicts the same."""
    folders = {}
    for family in ("xgboost", "lightgbm", "catboost"):
        model = MODELS[f"{family} classifier"][1]()
        writer = MemoryWriter()
        by_name(family).save(model, writer)
        folder = tmp_path / family
        folder.mkdir()
        folders[family] = writer.reader(folder).path(), model

    path, model = folders["xgboost"]
    booster = xgboost.Booster(model_file=path / "model.ubj")
    assert numpy.array_equal(booster.predict(xgboost.DMatrix(ROWS)), model.predict_proba(ROWS)[:, 1])
    path, model = folders["lightgbm"]
    assert numpy.array_equal(
        lightgbm.Booster(model_file=path / "model.txt").predict(FRAME), model.predict_proba(FRAME)[:, 1]
    )
    path, model = folders["catboost"]
    other = catboost.CatBoostClassifier().load_model(path / "model.cbm")
    assert numpy.array_equal(other.predict_proba(FRAME), model.predict_proba(FRAME))


def test_equal_models_have_equal_digests(tmp_path: Path) -> None:
    """Models trained alike have one digest with XGBoost and LightGBM; one of CatBoost if it is saved twice."""
    vault = Vault(MemoryRecord(), LocalBlobs(tmp_path), key=b"k" * 32)
    for name in ("xgboost classifier", "lightgbm classifier"):
        assert vault.store(MODELS[name][1]()).digest == vault.store(MODELS[name][1]()).digest
    model = MODELS["catboost classifier"][1]()

    assert vault.store(model).digest == vault.store(model).digest


@pytest.mark.parametrize("name", ["xgboost classifier", "lightgbm classifier", "catboost classifier"])
def test_damaged_models_are_typed_errors(name: str, tmp_path: Path) -> None:
    """A model's file that is cut off, or that names a class which is none, is `ValueUnloadable`."""
    family, train, _ = MODELS[name]
    writer = MemoryWriter()
    by_name(family).save(train(), writer)
    reader = writer.reader(tmp_path)
    file = next(file for file in reader.files() if file.startswith("model."))
    reader._tree[file] = reader._tree[file][:40]
    with pytest.raises(ValueUnloadable), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        by_name(family).load(reader)
    for cls in (b"os", b"train"):
        reader._tree["attributes"] = b"runlore-nested-1 35\n" + b'{"class":"%b","attributes":{}}' % cls + b" " * 100
        with pytest.raises(ValueUnloadable):
            by_name(family).load(reader)
