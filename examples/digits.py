"""Handwritten digits: train several models, keep the best, and see what is computed again and what is not.

`make demo` runs this. It runs the pipeline twice, the second time wholly from the cache, then once more with one
changed parameter, asks why a step ran, and gets the best model back in a fresh Python process. The images ship with
scikit-learn.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from runlore import ArtifactConfig, pipeline, step

RECIPES = {
    "neighbors": lambda seed: KNeighborsClassifier(n_neighbors=3),
    "linear": lambda seed: LogisticRegression(max_iter=500, random_state=seed),
    "forest": lambda seed: RandomForestClassifier(n_estimators=60, random_state=seed),
    "support vectors": lambda seed: SVC(gamma=0.001, C=10.0),
}


@step
def load() -> tuple[Annotated[np.ndarray, "images"], Annotated[np.ndarray, "labels"]]:
    """1,797 images of 8 × 8 grey values, and the digit that each shows."""
    digits = load_digits()
    return digits.data, digits.target


@step
def split(
    images: np.ndarray, labels: np.ndarray, test_share: float, seed: int
) -> tuple[
    Annotated[np.ndarray, "x_train"],
    Annotated[np.ndarray, "x_test"],
    Annotated[np.ndarray, "y_train"],
    Annotated[np.ndarray, "y_test"],
]:
    """Keep a share of the images aside, to judge models by."""
    x_train, x_test, y_train, y_test = train_test_split(
        images, labels, test_size=test_share, random_state=seed, stratify=labels
    )
    return x_train, x_test, y_train, y_test


@step
def train(
    x: np.ndarray, y: np.ndarray, recipe: str, seed: int
) -> Annotated[ClassifierMixin, ArtifactConfig(name="digit_models", tags=["digits"])]:
    """Fit one model."""
    print(f"fitting {recipe} on {len(x)} images")
    return RECIPES[recipe](seed).fit(x, y)


@step
def score(model: ClassifierMixin, x: np.ndarray, y: np.ndarray) -> Annotated[float, "accuracy"]:
    """The share of unseen images that a model reads rightly."""
    return float(model.score(x, y))


@step
def pick(
    models: list, accuracies: list[float], recipes: list[str]
) -> tuple[Annotated[ClassifierMixin, "best_model"], Annotated[dict, "ranking"]]:
    """The best model, and how all of them did."""
    ranking = dict(sorted(zip(recipes, accuracies, strict=True), key=lambda pair: -pair[1]))
    return models[recipes.index(next(iter(ranking)))], ranking


@step
def confusion(model: ClassifierMixin, x: np.ndarray, y: np.ndarray) -> Annotated[np.ndarray, "confusion"]:
    """How often each digit (row) is read as each digit (column)."""
    return confusion_matrix(y, model.predict(x))


@pipeline
def digits(test_share: float = 0.3, seed: int = 0):
    """From images to the best of several models."""
    images, labels = load()
    x_train, x_test, y_train, y_test = split(images, labels, test_share, seed)
    recipes = list(RECIPES)
    models = train.map(x_train, y_train, recipes, seed)
    accuracies = score.map(models, x_test, y_test)
    best, ranking = pick(models, accuracies, recipes)
    matrix = confusion(best, x_test, y_test)
    return best, ranking, matrix


PREDICT = """
from runlore.client import Client

client = Client()
model = client.get_pipeline("digits").last_successful_run.steps["pick"].outputs["best_model"].load()
images = client.get_artifact_version("x_test").load()
labels = client.get_artifact_version("y_test").load()
print(f"{type(model).__name__} reads five unseen digits as {model.predict(images[:5])}; they are {labels[:5]}")
"""


def say(title: str) -> None:
    print(f"\n\033[1m{title}\033[0m" if sys.stdout.isatty() else f"\n{title}", flush=True)


def statuses(run) -> str:
    return ", ".join(f"{name} {step.status}" for name, step in run.steps.items())


def shell(*words: str) -> None:
    print("$ runlore", *words, flush=True)
    subprocess.run([sys.executable, "-c", "from runlore.show.cli.main import main; main()", *words], check=True)


def picture(matrix: np.ndarray, folder: Path) -> None:
    from sklearn.metrics import ConfusionMatrixDisplay

    file = folder / "confusion.png"
    ConfusionMatrixDisplay(matrix).plot(colorbar=False).figure_.savefig(file, dpi=100)
    print(f"Drawn as {file}")


def main() -> None:
    sys.stdout.reconfigure(line_buffering=True)  # keep the order of lines with those of other processes
    if "RUNLORE_HOME" not in os.environ:
        os.environ["RUNLORE_HOME"] = tempfile.mkdtemp(prefix="runlore-demo-")
    home = Path(os.environ["RUNLORE_HOME"])

    say("1. Load, split, train four models, score them, pick the best")
    first = digits()
    print(statuses(first))
    for recipe, accuracy in first.steps["pick"].outputs["ranking"].load().items():
        print(f"  {recipe:16} {accuracy:.3f}")
    matrix = first.steps["confusion"].output.load()
    print(matrix)
    picture(matrix, home)

    say("2. The same again: nothing is computed")
    second = digits()
    print(statuses(second))

    say("3. A quarter of the images kept aside instead of 30 %: what depends on it runs again")
    third = digits(test_share=0.25)
    print(statuses(third))
    shell("explain", f"digits/{third.number}/split")

    say("4. The best model, in a fresh Python process and another directory")
    print(PREDICT.strip())
    with tempfile.TemporaryDirectory() as elsewhere:
        subprocess.run([sys.executable, "-c", PREDICT], cwd=elsewhere, check=True)

    say("What is kept")
    shell("run", "list")
    print(f"\nAll of it lies in {home}. Look around: export RUNLORE_HOME={home}")


if __name__ == "__main__":
    main()
