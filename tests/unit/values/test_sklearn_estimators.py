"""scikit-learn estimators and pipelines: exact, described, pictured, and loaded elsewhere."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
import sklearn
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from runlore.errors import UntrustedPickle, ValueUnloadable
from runlore.record.blobs.local import LocalBlobs
from runlore.record.memory import MemoryRecord
from runlore.record.vault import Vault
from runlore.testing.payloads import MemoryWriter, round_trip
from runlore.values.codec import decode
from runlore.values.materializer import ArtifactType
from runlore.values.metadata import encode_metadata
from runlore.values.registry import materializer_for
from runlore.values.sklearn import SklearnMaterializer

STORE = SklearnMaterializer()
ROWS = numpy.random.default_rng(7).normal(size=(40, 3))
LABELS = numpy.where(ROWS[:, 0] > 0, "yes", "no")
FRAME = pandas.DataFrame(ROWS, columns=["a", "b", "c"]).assign(kind=LABELS)


def _columns() -> Any:
    return ColumnTransformer([("numbers", StandardScaler(), ["a", "b"]), ("kinds", OneHotEncoder(), ["kind"])])


MODELS: dict[str, Any] = {
    "classifier": LogisticRegression(C=0.5).fit(ROWS, LABELS),
    "regressor": LinearRegression().fit(ROWS, ROWS[:, 0]),
    "forest": RandomForestClassifier(5, random_state=0).fit(ROWS, LABELS),
    "pipeline": make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, LABELS),
    "clusters": KMeans(2, n_init=1, random_state=0).fit(ROWS),
    "search": GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2).fit(ROWS, LABELS),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_estimators_come_back_exactly(model: Any, tmp_path: Path) -> None:
    """An estimator comes back with its class, parameters and what it learned: its predictions are the same bits."""
    assert materializer_for(model).name == "sklearn"
    found = round_trip(STORE, model, tmp_path)

    assert type(found) is type(model)
    assert repr(found.get_params()) == repr(model.get_params())
    assert found.predict(ROWS).tolist() == model.predict(ROWS).tolist()


def test_what_is_not_trained_comes_back_untrained(tmp_path: Path) -> None:
    """An estimator that was not trained says so, and is not trained when it comes back."""
    found = round_trip(STORE, LogisticRegression(C=2), tmp_path)

    assert STORE.metadata(LogisticRegression())["fitted"] is False
    assert found.C == 2 and not hasattr(found, "coef_")


def test_trained_estimators_are_described() -> None:
    """Metadata tell class, steps, typed parameters of all parts, classes, features and the release, in plain types."""
    model = make_pipeline(_columns(), LogisticRegression(C=0.5)).fit(FRAME, LABELS)
    described = STORE.metadata(model)

    assert described["class"] == "sklearn.pipeline.Pipeline" and described["pickle"] is True
    assert described["fitted"] is True and described["sklearn_version"] == sklearn.__version__
    assert list(described["steps"].values()) == ["ColumnTransformer", "LogisticRegression"]
    assert described["parameters"]["logisticregression__C"] == 0.5
    assert described["parameters"]["logisticregression__solver"] == "lbfgs"
    assert described["classes"] == ["no", "yes"] and described["n_features"] == 4
    assert described["feature_names"] == ["a", "b", "c", "kind"]
    assert decode(encode_metadata("model", dict(described))) == described
    assert STORE.artifact_type is ArtifactType.MODEL


def test_descriptions_are_bounded() -> None:
    """Of many parameters the outermost hundred are told, and long values are cut."""
    steps = [(f"s{number}", StandardScaler()) for number in range(60)]
    described = STORE.metadata(sklearn.pipeline.Pipeline([*steps, ("last", KMeans(init=numpy.zeros((900, 3))))]))

    assert len(described["parameters"]) == 100
    assert "steps" in described["parameters"] and "memory" in described["parameters"]
    assert max(len(str(value)) for value in described["parameters"].values()) == 200


def test_the_diagram_is_inert_and_light() -> None:
    """The picture is scikit-learn's diagram without scripts, links and handlers, whatever parameters hold."""
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    model = make_pipeline(_columns(), LogisticRegression(solver=hostile, C=0.25))
    (picture,) = STORE.pictures(model)
    text = picture.data.decode()
    body = text[text.index("</style>") :]

    assert picture.kind == "html" and len(picture.data) < 200_000
    assert "LogisticRegression" in body and "0.25" in body
    assert not any(sign in body for sign in ("<script", "<img", "onclick", "href", "http", "<button"))
    assert "&lt;script&gt;" in body


def test_another_release_is_named_when_it_does_not_load(tmp_path: Path) -> None:
    """An estimator that another release made, and that does not load, says which release made it and which is here."""
    writer = MemoryWriter()
    STORE.save(MODELS["pipeline"], writer)
    here, made = sklearn.__version__.encode(), b"0.9" + b"." * (len(sklearn.__version__) - 4) + b"9"
    data = b"".join(writer.parts).replace(b"\x8c" + bytes([len(here)]) + here, b"\x8c" + bytes([len(made)]) + made)
    writer.parts = [data.replace(b"sklearn.preprocessing._data", b"sklearn.preprocessing._gone")]

    with pytest.raises(ValueUnloadable, match=f"scikit-learn {made.decode()} made it, and {sklearn.__version__} is"):
        STORE.load(writer.reader(tmp_path))


def test_one_that_this_release_made_is_not_blamed_on_releases(tmp_path: Path) -> None:
    """A damaged estimator of the installed release says nothing of releases."""
    writer = MemoryWriter()
    STORE.save(MODELS["pipeline"], writer)
    writer.parts = [b"".join(writer.parts).replace(b"sklearn.preprocessing._data", b"sklearn.preprocessing._gone")]

    with pytest.raises(ValueUnloadable) as caught:
        STORE.load(writer.reader(tmp_path))
    assert "made it" not in str(caught.value)


def test_the_file_is_a_plain_pickle() -> None:
    """Without runlore the file loads by Python's own pickle."""
    writer = MemoryWriter()
    STORE.save(MODELS["forest"], writer)

    assert pickle.loads(b"".join(writer.parts)).predict(ROWS).tolist() == MODELS["forest"].predict(ROWS).tolist()


def test_estimators_of_other_installations_are_not_loaded(tmp_path: Path) -> None:
    """An estimator is a pickle: what another installation wrote loads with trust only."""
    blobs, record = LocalBlobs(tmp_path), MemoryRecord()
    content = Vault(record, blobs, key=b"one" * 10).store(MODELS["regressor"])
    elsewhere = Vault(record, blobs, key=b"two" * 10)

    with pytest.raises(UntrustedPickle, match="trust=True"):
        elsewhere.load(content)
    assert elsewhere.load(content, trust=True).coef_.tolist() == MODELS["regressor"].coef_.tolist()


class Mean(BaseEstimator):
    """What a project derives of scikit-learn's base."""

    def __init__(self, shift: float = 0.0) -> None:
        self.shift = shift

    def fit(self, rows: Any, labels: Any = None) -> Mean:
        self.mean_ = rows.mean() + self.shift
        return self


def test_estimators_of_ones_own_are_estimators() -> None:
    """A class derived from scikit-learn's base is stored, described and called a model like scikit-learn's own."""
    described = STORE.metadata(Mean(shift=1.0).fit(ROWS))

    assert materializer_for(Mean()).name == "sklearn"
    assert described["parameters"] == {"shift": 1.0} and described["fitted"] is True


SAVING = """
import numpy
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from typing import Annotated
from runlore import pipeline, save_artifact, step

class Own(BaseEstimator):
    def fit(self, rows):
        self.sum_ = rows.sum()
        return self

ROWS = numpy.arange(12.0).reshape(6, 2)
LABELS = [0, 0, 1, 1, 2, 2]

@step
def train() -> Annotated[BaseEstimator, "annotated"]:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, LABELS)

@step
def fit():
    return Own().fit(ROWS)

@pipeline
def training():
    train()
    fit()

training()
save_artifact(LogisticRegression(C=0.5).fit(ROWS, LABELS), "saved")
"""
LOADING = """
import numpy
from runlore import load_artifact
from runlore.client import Client

rows = numpy.arange(12.0).reshape(6, 2)
saved = Client().get_artifact_version("saved")
print(load_artifact("annotated").predict(rows).tolist())
print(Client().get("training/latest/fit").output.load().sum_)
print(load_artifact("saved").C, saved.artifact_type, saved.metadata["classes"])
"""


def test_estimators_load_in_another_process_elsewhere(home: Path, tmp_path: Path) -> None:
    """What a script trained and saved, classes of its own included, loads in a fresh process in another folder."""
    away = tmp_path / "away"
    away.mkdir()
    (tmp_path / "train.py").write_text(SAVING)
    (away / "use.py").write_text(LOADING)
    for folder, script in ((tmp_path, "train.py"), (away, "use.py")):
        done = subprocess.run([sys.executable, script], cwd=folder, env=os.environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    assert done.stdout.splitlines() == ["[0, 0, 1, 1, 2, 2]", "66.0", "0.5 ModelArtifact [0, 1, 2]"]
