"""Artifacts: what users of ZenML's guide of that name write, with its import line changed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Tuple

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LinearRegression

from runlore import ArtifactConfig, load_artifact, pipeline, register_artifact, save_artifact, step
from runlore.client import Client
from runlore.errors import ArtifactDeleted
from runlore.show.cli.main import main


def call_llm_agent(query: str) -> str:
    return f"About {len(query.split())} words were asked."


@step
def create_data() -> pd.DataFrame:
    """Creates a dataframe that becomes an artifact."""
    return pd.DataFrame({"feature_1": [1, 2, 3], "feature_2": [4, 5, 6], "target": [10, 20, 30]})


@step
def create_prompt_template() -> str:
    """Creates a prompt template that becomes an artifact."""
    return """
    You are a helpful customer service agent.

    Customer Query: {query}
    Previous Context: {context}

    Please provide a helpful response following our company guidelines.
    """


@step
def process_data(df: pd.DataFrame) -> pd.DataFrame:
    """Takes an artifact as input and returns a new artifact."""
    df["feature_3"] = df["feature_1"] * df["feature_2"]
    return df


@step
def train_model(data: pd.DataFrame, learning_rate: float) -> object:
    """Step with both artifact and parameter inputs."""
    model = LinearRegression()
    model.fit(data[["feature_1"]], data["target"] * learning_rate)
    return model


@pipeline
def training_pipeline() -> None:
    data = create_data()
    train_model(data=data, learning_rate=0.01)


@step
def preprocess_data(df: pd.DataFrame) -> np.ndarray:
    """Type annotation tells that this returns a numpy array."""
    return df.values


@step
def split_data(data: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Type annotation tells that this returns a tuple of numpy arrays."""
    split_point = len(data) // 2
    return data[:split_point], data[split_point:]


@step
def split_dataset(
    df: pd.DataFrame,
) -> Tuple[Annotated[pd.DataFrame, "train_data"], Annotated[pd.DataFrame, "test_data"]]:
    """Split a dataframe into training and testing sets."""
    train = df.sample(frac=0.8, random_state=42)
    test = df.drop(train.index)
    return train, test


@step
def extract_data(source: str) -> Annotated[pd.DataFrame, "{dataset_type}_data"]:
    """Extract data with a dynamically named output."""
    return pd.DataFrame({"source": [source]})


@step
def load_data() -> pd.DataFrame:
    return pd.DataFrame({"feature_1": [4.0, 5.0]})


@step
def use_trained_model(data: pd.DataFrame, model: LinearRegression) -> pd.Series:
    """Use a model loaded from a previous pipeline run."""
    return pd.Series(model.predict(data[["feature_1"]]))


@pytest.fixture(autouse=True)
def record(home: Path) -> Path:
    """Every story begins with an empty record."""
    return home


def test_step_outputs_become_artifacts() -> None:
    """Any value that a step returns is kept, and what a step does to its input stays with that step."""

    @step
    def test_agent_response(prompt_template: str, test_query: str) -> dict:
        """Uses a prompt template artifact to test agent responses."""
        filled_prompt = prompt_template.format(
            query=test_query, context="Previous customer complained about delayed shipping"
        )
        response = call_llm_agent(filled_prompt)
        return {"query": test_query, "response": response, "prompt_used": filled_prompt}

    @pipeline
    def simple_pipeline() -> None:
        """Pipeline that creates and processes artifacts."""
        # Traditional ML artifacts
        data = create_data()
        processed_data = process_data(data)  # noqa: F841

        # AI agent artifacts
        prompt = create_prompt_template()
        agent_test = test_agent_response(prompt, "Where is my order?")  # noqa: F841

    run = simple_pipeline()

    created = run.steps["create_data"].output.load()
    processed = run.steps["process_data"].output.load()

    assert list(created.columns) == ["feature_1", "feature_2", "target"]
    assert processed["feature_3"].tolist() == [4, 10, 18]
    assert "Customer Query: Where is my order?" in run.steps["test_agent_response"].output.load()["prompt_used"]


def test_artifacts_and_parameters() -> None:
    """Outputs of steps are inputs; literal values are parameters."""
    run = training_pipeline()
    trained = run.steps["train_model"]

    assert trained.config.parameters == {"learning_rate": 0.01}
    assert list(trained.inputs) == ["data"]
    assert trained.inputs["data"] == run.steps["create_data"].output
    assert isinstance(trained.output.load(), LinearRegression)


def test_several_outputs_without_names() -> None:
    """A tuple annotation makes `output_0` and `output_1`; a single output is called `output`."""

    @pipeline
    def arrays() -> None:
        split_data(preprocess_data(create_data()))

    run = arrays()

    assert list(run.steps["preprocess_data"].outputs) == ["output"]
    assert list(run.steps["split_data"].outputs) == ["output_0", "output_1"]
    assert run.steps["split_data"].outputs["output_1"].load().tolist() == [[2, 5, 20], [3, 6, 30]]


def test_several_outputs_with_names() -> None:
    """Annotated parts of a tuple are found under their names, by the id of the run."""

    @pipeline
    def splitting() -> None:
        split_dataset(create_data())

    made = splitting()
    client = Client()
    pipeline_run = client.get_pipeline_run(str(made.id))

    train_data = pipeline_run.steps["split_dataset"].outputs["train_data"].load()

    assert train_data.shape == (2, 3)
    assert client.get_artifact_version("test_data").load().shape == (1, 3)


def test_names_with_placeholders() -> None:
    """Substitutions name the artifacts of two calls of one step apart."""

    @pipeline
    def data_pipeline() -> None:
        extract_data.with_options(substitutions={"dataset_type": "train"})(source="train_source")
        extract_data.with_options(substitutions={"dataset_type": "test"})(source="test_source")

    run = data_pipeline()

    assert list(run.steps) == ["extract_data", "extract_data_2"]
    assert Client().get_artifact_version("train_data").load()["source"].tolist() == ["train_source"]
    assert Client().get_artifact_version("test_data").load()["source"].tolist() == ["test_source"]


def test_caching() -> None:
    """With the same inputs, code and configuration, results are reused, to the very version."""

    @pipeline
    def cached_pipeline() -> None:
        process_data(create_data())

    first, second = cached_pipeline(), cached_pipeline()

    assert [step.status for step in second.steps.values()] == ["cached", "cached"]
    assert second.steps["process_data"].output == first.steps["process_data"].output


def test_versions_by_label_and_latest() -> None:
    """A version is found by its label; without one, the newest is meant."""

    @step
    def release(slope: float) -> Annotated[LinearRegression, ArtifactConfig(name="my_model", version="1.0")]:
        return LinearRegression().fit([[0.0], [1.0]], [0.0, slope])

    @step
    def try_out(slope: float) -> Annotated[LinearRegression, "my_model"]:
        return LinearRegression().fit([[0.0], [1.0]], [0.0, slope])

    @pipeline
    def releasing() -> None:
        release(2.0)

    @pipeline
    def trying() -> None:
        try_out(3.0)

    releasing()
    trying()
    artifact = Client().get_artifact_version("my_model", "1.0")
    latest_artifact = Client().get_artifact_version("my_model")

    assert artifact.version == "1.0"
    assert artifact.load().coef_[0] == pytest.approx(2.0)
    assert latest_artifact.load().coef_[0] == pytest.approx(3.0)


def test_comparison_with_an_earlier_model_inside_a_step() -> None:
    """A step may look up an artifact by name, and use its value as `.data`."""

    @step
    def best() -> Annotated[LinearRegression, "best_model"]:
        return LinearRegression().fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 0.0])

    @step
    def evaluate_against_previous(model: LinearRegression, X_test: list, y_test: list) -> float:
        """Compare current model with the previous best model."""
        client = Client()
        best_model = client.get_artifact_version("best_model")
        previous_accuracy = best_model.data.score(X_test, y_test)
        current_accuracy = model.score(X_test, y_test)
        return current_accuracy - previous_accuracy

    @step
    def better() -> LinearRegression:
        return LinearRegression().fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])

    @pipeline
    def keeping() -> None:
        best()

    @pipeline
    def comparing() -> None:
        evaluate_against_previous(better(), [[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])

    keeping()
    gain = comparing().steps["evaluate_against_previous"].output.load()

    # the flat line at 1/3 leaves 10/3 of the variation 2 unexplained: its score is 1 - 5/3
    assert gain == pytest.approx(5 / 3)


def test_artifact_of_another_pipeline() -> None:
    """A version fetched in a body is an input like any other, and shows in the lineage."""

    @step
    def fit(data: pd.DataFrame) -> Annotated[LinearRegression, "trained_model"]:
        return LinearRegression().fit(data[["feature_1"]], data["target"])

    @pipeline
    def fitting() -> None:
        fit(create_data())

    @pipeline
    def inference_pipeline() -> None:
        # Load data
        data = load_data()

        # Get the latest model from another pipeline
        model = Client().get_artifact_version("trained_model")

        # Use it for predictions
        use_trained_model(data=data, model=model)

    fitted = fitting()
    run = inference_pipeline()

    used = run.steps["use_trained_model"]
    assert used.output.load().tolist() == pytest.approx([40.0, 50.0])
    assert used.inputs["model"] == fitted.steps["fit"].output


def test_four_outputs_by_name() -> None:
    """Four annotated parts of a tuple are four artifacts; arguments without annotation take anything."""

    @step
    def split_data(
        data: np.ndarray, target: np.ndarray
    ) -> Tuple[
        Annotated[np.ndarray, "X_train"],
        Annotated[np.ndarray, "X_test"],
        Annotated[np.ndarray, "y_train"],
        Annotated[np.ndarray, "y_test"],
    ]:
        """Split data into training and testing sets."""
        X_train, X_test = data[:80], data[80:]
        y_train, y_test = target[:80], target[80:]

        return X_train, X_test, y_train, y_test

    @step
    def train_model(X_train, y_train) -> LinearRegression:  # type: ignore[no-untyped-def]
        """Train a model and return it as an artifact."""
        model = LinearRegression()
        model.fit(X_train, y_train)
        return model

    @step
    def numbers() -> Tuple[np.ndarray, np.ndarray]:
        data = np.arange(100.0).reshape(-1, 1)
        return data, 3 * data[:, 0]

    @pipeline
    def splitting() -> None:
        data, target = numbers()
        X_train, X_test, y_train, y_test = split_data(data, target)
        train_model(X_train, y_train)

    run = splitting()

    assert list(run.steps["split_data"].outputs) == ["X_train", "X_test", "y_train", "y_test"]
    assert run.steps["train_model"].output.load().coef_[0] == pytest.approx(3.0)
    assert Client().get_artifact_version("X_test").load().shape == (20, 1)


def test_names_with_the_date() -> None:
    """`{date}` and `{time}` stand for the start of the run, in the form that the guide shows."""

    @step
    def snapshot() -> Annotated[int, "snapshot_{date}_{time}"]:
        return 1

    @pipeline
    def snapping() -> None:
        snapshot()

    (name,) = snapping().steps["snapshot"].outputs

    assert re.fullmatch(r"snapshot_\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d_\d{6}", name)
    assert Client().get_artifact_version(name).load() == 1


def test_pictures_of_an_artifact() -> None:
    """`visualize()` writes a page where there is neither a notebook nor a terminal, and says where."""

    @pipeline
    def drawing() -> None:
        create_data()

    drawing()
    artifact = Client().get_artifact_version("drawing::create_data::output")
    shown = Path(str(artifact.visualize())).read_text(encoding="utf-8")

    assert "feature_1" in shown


def test_register_an_existing_folder() -> None:
    """ "Register an Existing Folder": the folder's path is the value of the artifact."""
    # Path to an existing folder in your artifact store
    prefix = Client().active_stack.artifact_store.path
    existing_folder = os.path.join(prefix, "my_folder")
    os.mkdir(existing_folder)
    (Path(existing_folder) / "part.txt").write_text("data")

    # Register it as an artifact
    register_artifact(folder_or_file_uri=existing_folder, name="my_folder_artifact")

    # Later, load the artifact
    folder_path = Client().get_artifact_version("my_folder_artifact").load()
    assert isinstance(folder_path, Path)
    assert os.path.isdir(folder_path)

    assert folder_path == Path(existing_folder)


def test_register_an_existing_file() -> None:
    """ "Register an Existing File": the file's path is the value of the artifact."""
    # Path to an existing file in your artifact store
    prefix = Client().active_stack.artifact_store.path
    existing_file = os.path.join(prefix, "my_folder/model.pkl")
    os.mkdir(os.path.dirname(existing_file))
    Path(existing_file).write_bytes(b"pickled")

    # Register it as an artifact
    register_artifact(folder_or_file_uri=existing_file, name="my_model_artifact")

    # Later, load the artifact
    file_path = Client().get_artifact_version("my_model_artifact").load()
    assert isinstance(file_path, Path)
    assert not os.path.isdir(file_path)

    assert file_path.read_bytes() == b"pickled"


def test_artifacts_by_position_as_the_guide_says() -> None:
    """ "Artifacts vs. Parameters": what a model class makes of its own is trained on an artifact and a parameter."""

    class Mean:
        def __init__(self, learning_rate: float) -> None:
            self.learning_rate = learning_rate

        def fit(self, data: pd.DataFrame) -> None:
            self.mean = float(data["target"].mean()) * self.learning_rate

    def create_model(learning_rate: float) -> Mean:
        return Mean(learning_rate)

    @step
    def train_model(data: pd.DataFrame, learning_rate: float) -> object:
        """Step with both artifact and parameter inputs."""
        # data is an artifact (output from another step)
        # learning_rate is a parameter (literal value)
        # Note: create_model would be your own model creation function
        model = create_model(learning_rate)
        model.fit(data)
        return model

    @pipeline
    def training_pipeline() -> None:
        # data is an artifact
        data = create_data()

        # data is passed as an artifact, learning_rate as a parameter
        model = train_model(data=data, learning_rate=0.01)  # noqa: F841

    assert training_pipeline().steps["train_model"].output.load().mean == pytest.approx(0.2)


@pytest.mark.parametrize("options", [[], ["--ignore-errors"], ["--threads", "4"], ["-t", "4"]])
def test_managing_artifacts(options: list[str]) -> None:
    """ "Managing Artifacts": pruning deletes what no run refers to any more, and nothing else."""
    first, second = training_pipeline(), training_pipeline.with_options(enable_cache=False)()
    kept = second.steps["create_data"].output
    save_artifact("by hand", "note")
    deleted = [step.output for step in first.steps.values()]
    first.delete()

    done = CliRunner().invoke(main, ["artifact", "prune", "--yes", *options], prog_name="runlore")

    assert done.exit_code == 0, done.output
    assert kept.load().shape == (3, 3) and load_artifact("note") == "by hand"
    for version in deleted:
        with pytest.raises(KeyError, match="no artifact version|has no version"):
            Client().get_artifact_version(version.id)


def test_pruning_files_or_records_alone() -> None:
    """ "Managing Artifacts": `--only-artifact` keeps the record, `--only-metadata` the files."""
    for option in ("--only-artifact", "--only-metadata"):
        run = training_pipeline.with_options(enable_cache=False)()
        version = run.steps["train_model"].output
        run.delete()
        done = CliRunner().invoke(main, ["artifact", "prune", option, "--yes"], prog_name="runlore")
        assert done.exit_code == 0, done.output
        if option == "--only-artifact":
            with pytest.raises(ArtifactDeleted):
                Client().get_artifact_version(version.id).load()
        else:
            with pytest.raises(KeyError):
                Client().get_artifact_version(version.id)
