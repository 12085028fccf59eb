"""Manage artifacts: every code block of ZenML's guide of that name, with its import line changed.

The guide's text lost lines on its way here; what is missing in a block is filled in from the text around it. Each test
names the section that its block stands in.
"""

from __future__ import annotations

import importlib
import os
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Optional, Tuple
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_digits, load_iris
from sklearn.svm import SVC

from runlore import (
    ArtifactConfig,
    ExternalArtifact,
    get_step_context,
    load_artifact,
    log_artifact_metadata,
    pipeline,
    register_artifact,
    save_artifact,
    step,
)
from runlore.client import Client
from runlore.errors import AlreadyExists
from runlore.show.cli.main import main as command_line


@pytest.fixture(autouse=True)
def record(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every story begins with an empty record."""
    monkeypatch.setenv("COLUMNS", "120")
    return home


def shell(line: str) -> str:
    """What a command of the guide prints, spoken to `runlore` instead."""
    done = CliRunner().invoke(command_line, line.split()[1:])
    assert done.exit_code == 0, done.output
    return done.stdout


@step
def training_data_loader() -> Annotated[pd.DataFrame, "iris_dataset"]:
    """Load the iris dataset as pandas dataframe."""
    iris = load_iris(as_frame=True)
    return iris.get("frame")


@pipeline
def feature_engineering_pipeline() -> None:
    training_data_loader()


def test_giving_names() -> None:
    """ "Giving names to your artifacts": an annotated output is listed under its name, any other under where it is."""

    @step
    def loader() -> pd.DataFrame:
        return pd.DataFrame({"x": [1]})

    @pipeline
    def unnamed() -> None:
        loader()

    feature_engineering_pipeline()
    unnamed()

    listed = shell("zenml artifact list")
    assert "iris_dataset" in listed and "unnamed::loader::output" in listed


def test_versioning_manually() -> None:
    """ "Versioning artifacts manually": numbers by themselves, a custom version once, and a second time not at all."""
    loaded = []

    @step
    def training_data_loader() -> Annotated[
        pd.DataFrame,
        # Add `ArtifactConfig` to control more properties of your artifact
        ArtifactConfig(name="iris_dataset", version="raw_2023"),
    ]:
        loaded.append(1)
        return pd.DataFrame({"x": [1]})

    @pipeline
    def release_pipeline() -> None:
        training_data_loader()

    feature_engineering_pipeline()
    feature_engineering_pipeline.with_options(enable_cache=False)()
    release_pipeline()

    versions = Client().list_artifact_versions("iris_dataset")
    assert [version.version for version in versions] == ["raw_2023", "2", "1"]
    assert "raw_2023" in shell("zenml artifact version list")
    with pytest.raises(AlreadyExists, match="'raw_2023'"):
        release_pipeline.with_options(enable_cache=False)()
    assert loaded == [1]


def test_versioning_by_configuration(tmp_path: Path) -> None:
    """ "consider using a YAML config for artifact versioning": the file says the version, the code stays as it is."""
    (tmp_path / "config.yaml").write_text(
        "steps:\n"
        "  training_data_loader:\n"
        "    outputs:\n"
        "      iris_dataset:\n"
        "        artifact_config:\n"
        "          version: raw_2023\n"
    )
    feature_engineering_pipeline.with_options(config_path=str(tmp_path / "config.yaml"))()

    assert Client().get_artifact_version("iris_dataset", "raw_2023").load().shape == (150, 5)


def test_metadata_and_tags() -> None:
    """ "Add metadata and tags to artifacts": by annotation, by functions, and by both."""

    # below we annotate output with `ArtifactConfig` giving it a name,
    # run_metadata and tags. As a result, the created artifact
    # `artifact_name` will get configured with metadata and tags
    @step
    def annotation_approach() -> Annotated[
        str,
        ArtifactConfig(
            name="artifact_name",
            run_metadata={"metadata_key": "metadata_value"},
            tags=["tag_name"],
        ),
    ]:
        return "string"

    # below we annotate output using functional approach with
    # run_metadata and tags. As a result, the created artifact
    # `artifact_name` will get configured with metadata and tags
    @step
    def functional_approach() -> Annotated[str, "artifact_name"]:
        step_context = get_step_context()
        step_context.add_output_metadata(output_name="artifact_name", metadata={"metadata_key": "metadata_value"})
        step_context.add_output_tags(output_name="artifact_name", tags=["tag_name"])
        return "string"

    # below we combine both approaches, so the artifact will get
    # metadata and tags from both sources
    @step
    def combined_approach() -> Annotated[
        str,
        ArtifactConfig(
            name="artifact_name",
            run_metadata={"metadata_key": "metadata_value"},
            tags=["tag_name"],
        ),
    ]:
        step_context = get_step_context()
        step_context.add_output_metadata(output_name="artifact_name", metadata={"metadata_key2": "metadata_value2"})
        step_context.add_output_tags(output_name="artifact_name", tags=["tag_name2"])
        return "string"

    @pipeline
    def tagging() -> None:
        annotation_approach()
        functional_approach()
        combined_approach()

    versions = [made.output for made in tagging().steps.values()]

    assert [version.metadata["metadata_key"] for version in versions] == ["metadata_value"] * 3
    assert [version.tags for version in versions] == [("tag_name",), ("tag_name",), ("tag_name", "tag_name2")]
    assert versions[2].metadata["metadata_key2"] == "metadata_value2"


def test_external_artifacts(capsys: pytest.CaptureFixture[str]) -> None:
    """ "Consuming external artifacts within a pipeline": a value from outside is saved, and its step never cached."""

    @step
    def print_data(data: np.ndarray) -> None:
        print(data)

    @pipeline
    def printing_pipeline() -> None:
        # One can also pass data directly into the ExternalArtifact
        # to create a new artifact on the fly
        data = ExternalArtifact(value=np.array([0]))

        print_data(data=data)

    runs = [printing_pipeline(), printing_pipeline()]

    assert capsys.readouterr().out == "[0]\n[0]\n"
    assert [run.status for run in runs] == ["completed", "completed"]
    assert runs[0].steps["print_data"].inputs["data"].name.startswith("external_")


def test_artifacts_of_other_pipelines(tmp_path: Path) -> None:
    """ "Consuming artifacts produced by other pipelines": by id, by name, by name and version; and downloaded."""

    @step
    def trainer(dataset: pd.DataFrame) -> int:
        return len(dataset)

    known = save_artifact(pd.DataFrame({"x": range(3)}), "iris_dataset", version="raw_2023")
    feature_engineering_pipeline()

    @pipeline
    def training_pipeline() -> None:
        client = Client()
        # Fetch by ID
        dataset_artifact = client.get_artifact_version(name_id_or_prefix=UUID(str(known.id)))
        trainer(dataset=dataset_artifact)

        # Fetch by name alone - uses the latest version of this artifact
        dataset_artifact = client.get_artifact_version(name_id_or_prefix="iris_dataset")
        trainer(dataset=dataset_artifact)

        # Fetch by name and version
        dataset_artifact = client.get_artifact_version(name_id_or_prefix="iris_dataset", version="raw_2023")

        # Pass into any step
        trainer(dataset=dataset_artifact)

    run = training_pipeline()
    assert [made.output.load() for made in run.steps.values()] == [3, 150, 3]
    assert [made.inputs["dataset"].version for made in run.steps.values()] == ["raw_2023", "1", "raw_2023"]

    client = Client()
    artifact = client.get_artifact_version(name_id_or_prefix="iris_dataset")
    artifact.download_files(str(tmp_path / "iris_dataset.zip"))
    with zipfile.ZipFile(tmp_path / "iris_dataset.zip") as archive:
        assert archive.testzip() is None and len(archive.namelist()) == 1
    with pytest.raises(AlreadyExists):
        artifact.download_files(str(tmp_path / "iris_dataset.zip"))


def test_artifacts_not_produced_by_pipelines() -> None:
    """ "Managing artifacts not produced by ZenML pipelines": saved by hand, loaded by name, version or the client."""
    # Fetch the model from a registry or a previous pipeline
    model = SVC(gamma=0.001).fit([[0, 0, 0, 0], [1, 1, 1, 1]], [0, 1])

    # Let's make a prediction
    prediction = model.predict([[1, 1, 1, 1]])

    # We now store this prediction as an artifact
    # This will create a new artifact version
    save_artifact(prediction, name="iris_predictions")

    # Loads the latest version
    assert load_artifact("iris_predictions").tolist() == [1]

    client = Client()
    assert client.get_artifact_version("iris_predictions").load().tolist() == [1]
    assert client.get_artifact_version("iris_predictions").type == "numpy.ndarray"


def test_save_and_load_within_a_step() -> None:
    """ "It is also possible to use these functions inside your ZenML steps"."""

    @step
    def predict() -> int:
        save_artifact(np.array([2]), name="iris_predictions")
        return int(load_artifact("iris_predictions")[0])

    @pipeline
    def predicting() -> None:
        predict()

    run = predicting()
    assert run.steps["predict"].output.load() == 2
    assert list(run.steps["predict"].saved_artifacts) == ["iris_predictions"]


def test_linking_existing_data() -> None:
    """ "Linking existing data": the path is the value, once loaded or passed to a step (`test_lightning.py` trains)."""
    # Define where the model data should be saved
    # use active ArtifactStore
    prefix = Client().active_stack.artifact_store.path
    default_root_dir = os.path.join(prefix, "model")
    os.mkdir(default_root_dir)
    (Path(default_root_dir) / "checkpoint-epoch=00.ckpt").write_bytes(b"weights")

    # We now link those checkpoints as an artifact
    # This will create a new artifact version
    register_artifact(default_root_dir, name="all_my_model_checkpoints")

    @step
    def count(checkpoints: Path) -> int:
        return len(list(checkpoints.iterdir()))

    @pipeline
    def counting() -> None:
        count(Client().get_artifact_version("all_my_model_checkpoints"))

    assert counting().steps["count"].output.load() == 1
    assert load_artifact("all_my_model_checkpoints") == Path(default_root_dir)


def test_automatic_metadata() -> None:
    """ "Logging metadata for an artifact": what is logged automatically is read as entries with a value."""
    feature_engineering_pipeline()

    # Get an artifact version (e.g. pd.DataFrame)
    artifact = Client().get_artifact_version(str(Client().get_artifact_version("iris_dataset").id))

    # Fetch it's metadata
    assert artifact.run_metadata["storage_size"].value == artifact.size  # Size in bytes
    assert tuple(artifact.run_metadata["shape"].value) == (150, 5)  # Shape e.g. (500,20)


@step
def model_finetuner_step(
    model: ClassifierMixin, dataset: Tuple[np.ndarray, np.ndarray]
) -> Annotated[ClassifierMixin, ArtifactConfig(name="my_model", tags=["SVC", "trained"])]:
    """Finetunes a given model on a given dataset."""
    model.fit(dataset[0], dataset[1])
    accuracy = model.score(dataset[0], dataset[1])

    log_artifact_metadata(
        # Artifact name can be omitted if step returns only one output
        artifact_name="my_model",
        # Passing None or omitting this will use the `latest` version
        artifact_version=None,
        # Metadata should be a dictionary of JSON-serializable values
        metadata={"accuracy": float(accuracy)},
        # A dictionary of dictionaries can also be passed to group metadata
        #  in the dashboard
        # metadata = {"metrics": {"accuracy": accuracy}}
    )
    log_artifact_metadata(metadata={"metrics": {"accuracy": accuracy}})
    return model


def test_logging_metadata() -> None:
    """ "Logging metadata for an artifact": a step notes on what it returns: by name, without, in groups."""
    untrained = save_artifact(SVC(gamma=0.001), "my_model")

    @pipeline
    def finetuning() -> None:
        data = np.array([[0.0], [1.0]]), np.array([0, 1])
        model_finetuner_step(Client().get_artifact_version("my_model"), ExternalArtifact(value=data))

    trained = finetuning().steps["model_finetuner_step"].output

    assert trained.version == "2" and trained.metadata["accuracy"] == 1.0
    assert trained.metadata["metrics"] == {"accuracy": 1.0}
    assert "accuracy" not in untrained.metadata and trained.tags == ("SVC", "trained")


CODE_EXAMPLE = '''
from typing import Optional, Tuple
from typing_extensions import Annotated

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.svm import SVC
from runlore import ArtifactConfig, pipeline, step, log_artifact_metadata
from runlore import save_artifact, load_artifact
from runlore.client import Client


@step
def versioned_data_loader_step() -> (
    Annotated[
        Tuple[np.ndarray, np.ndarray],
        ArtifactConfig(
            name="my_dataset",
            tags=["digits", "computer vision", "classification"],
        ),
    ]
):
    """Loads the digits dataset as a tuple of flattened numpy arrays."""
    digits = load_digits()
    return (digits.images.reshape((len(digits.images), -1)), digits.target)


@step
def model_finetuner_step(
    model: ClassifierMixin, dataset: Tuple[np.ndarray, np.ndarray]
) -> Annotated[
    ClassifierMixin,
    ArtifactConfig(name="my_model", is_model_artifact=True, tags=["SVC", "trained"]),
]:
    """Finetunes a given model on a given dataset."""
    model.fit(dataset[0], dataset[1])
    accuracy = model.score(dataset[0], dataset[1])
    log_artifact_metadata(metadata={"accuracy": float(accuracy)})
    return model


@pipeline
def model_finetuning_pipeline(
    dataset_version: Optional[str] = None,
    model_version: Optional[str] = None,
):
    client = Client()
    # Either load a previous version of "my_dataset" or create a new one
    if dataset_version:
        dataset = client.get_artifact_version(
            name_id_or_prefix="my_dataset", version=dataset_version
        )
    else:
        dataset = versioned_data_loader_step()

    # Load the model to finetune
    # If no version is specified, the latest version of "my_model" is used
    model = client.get_artifact_version(
        name_id_or_prefix="my_model", version=model_version
    )

    # Finetune the model
    # This automatically creates a new version of "my_model"
    model_finetuner_step(model=model, dataset=dataset)


def main():
    # Save an untrained model as first version of "my_model"
    untrained_model = SVC(gamma=0.001)
    save_artifact(
        untrained_model, name="my_model", version="1", tags=["SVC", "untrained"]
    )

    # Create a first version of "my_dataset" and train the model on it
    model_finetuning_pipeline()

    # Finetune the latest model on an older version of the dataset
    model_finetuning_pipeline(dataset_version="1")

    # Run inference with the latest model on an older version of the dataset
    latest_trained_model = load_artifact("my_model")
    old_dataset = load_artifact("my_dataset", version="1")
    return latest_trained_model.predict(old_dataset[0])


if __name__ == "__main__":
    main()
'''


@pytest.fixture
def code_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script of "Code Example of this Section", imported."""
    pytest.importorskip("typing_extensions")
    (tmp_path / "code_example_004.py").write_text(CODE_EXAMPLE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "code_example_004", raising=False)
    return importlib.import_module("code_example_004")


def test_code_example(code_example: ModuleType) -> None:
    """ "Code example": two runs finetune a model that was saved by hand, on a new and on an older dataset."""
    predicted = code_example.main()

    assert (predicted == load_digits().target).mean() > 0.99
    client = Client()
    first, second = reversed(client.get_pipeline("model_finetuning_pipeline").runs)
    assert list(first.steps) == ["versioned_data_loader_step", "model_finetuner_step"]
    assert list(second.steps) == ["model_finetuner_step"]
    models = list(reversed(client.list_artifact_versions("my_model")))
    assert [model.version for model in models] == ["1", "2", "3"]
    assert [model.tags for model in models] == [("SVC", "untrained"), ("SVC", "trained"), ("SVC", "trained")]
    assert [model.artifact_type for model in models[1:]] == ["ModelArtifact"] * 2
    assert first.steps["model_finetuner_step"].inputs["model"] == models[0]
    assert second.steps["model_finetuner_step"].inputs["model"] == models[1]
    dataset = client.get_artifact_version("my_dataset")
    assert dataset.version == "1" and dataset.tags == ("classification", "computer vision", "digits")
    assert {step.pathspec for step in dataset.consumers} == {
        "model_finetuning_pipeline/1/model_finetuner_step",
        "model_finetuning_pipeline/2/model_finetuner_step",
    }
    assert all(model.metadata["accuracy"] > 0.99 for model in models[1:])


def test_an_optional_version_of_another_pipeline() -> None:
    """ "version: Optional[str]": `None` asks for the latest version, as leaving it out does."""

    @step
    def use(x: Any) -> Any:
        return x

    @pipeline
    def using(version: Optional[str] = None) -> None:
        use(Client().get_artifact_version("data", version))

    save_artifact("one", "data")
    save_artifact("two", "data")

    assert using().steps["use"].output.load() == "two"
    assert using("1").steps["use"].output.load() == "one"
