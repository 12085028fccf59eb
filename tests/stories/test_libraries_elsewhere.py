"""What steps and scripts make with the large libraries comes back in a fresh process, started from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

LIBRARIES = ("torch", "lightning", "xgboost", "lightgbm", "catboost", "keras", "transformers", "safetensors")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not all(map(find_spec, LIBRARIES)), reason="needs the extra `libraries`"),
]

TORCH_SAVING = """
from typing import Annotated
import lightning, torch
from torch import nn
from runlore import pipeline, save_artifact, step
from runlore.errors import ValueUnstorable

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.tied = self.layer.weight

    def forward(self, x):
        return self.layer(x) * 2

class Lit(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.save_hyperparameters({"lr": 0.5})
        self.layer = nn.Linear(2, 1)

    def training_step(self, batch, batch_idx):
        return self.layer(batch[0]).mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), self.hparams.lr)

torch.manual_seed(1)
rows = torch.arange(6.0).reshape(2, 3)

@step
def train() -> Annotated[nn.Module, "model"]:
    return Net()

@step
def weigh(model: nn.Module):
    return model.state_dict()

@step
def fit():
    lit = Lit()
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(4, 2)), batch_size=2)
    trainer = lightning.Trainer(
        max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        accelerator="cpu",
    )
    trainer.fit(lit, data)
    try:
        save_artifact(trainer, "trainer")
    except ValueUnstorable as error:
        print("REFUSED", error)
    return lit

@pipeline
def training():
    weigh(train())
    fit()

run = training()
model = run.steps["train"].outputs["model"].load()
parts = [torch.eye(2).to_sparse(), {"scale": torch.tensor(3, dtype=torch.bfloat16)}]
save_artifact({"expected": model(rows), "parts": parts}, "tensors")
save_artifact(run.steps["fit"].output.load().layer.weight, "lit_weight")
"""
TORCH_LOADING = """
import torch
from runlore import load_artifact
from runlore.client import Client

rows = torch.arange(6.0).reshape(2, 3)
run = Client().get("training/latest")
model, state, tensors = load_artifact("model"), run.steps["weigh"].output.load(), load_artifact("tensors")
print(type(model).__name__, torch.equal(model(rows), tensors["expected"]), model.tied is model.layer.weight)
print(type(state).__name__, torch.equal(state["layer.weight"], model.layer.weight), state._metadata[""])
print(tensors["parts"][0].layout, tensors["parts"][1]["scale"].dtype)
lit = run.steps["fit"].output.load()
print(type(lit).__name__, lit.hparams.lr, lit._trainer, torch.equal(lit.layer.weight, load_artifact("lit_weight")))
for name in ("model", "tensors"):
    version = Client().get_artifact_version(name)
    print(version.artifact_type, version.metadata.get("parameters"))
"""

BOOSTERS_SAVING = """
import catboost, lightgbm, numpy, xgboost
from runlore import pipeline, save_artifact, step

rows = numpy.random.default_rng(1).normal(size=(60, 3))
labels = numpy.where(rows[:, 0] > 0, "yes", "no")

@step
def forest():
    return xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(rows, labels == "yes")

@step
def light() -> lightgbm.LGBMClassifier:
    return lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(rows, labels)

@step
def cat() -> catboost.CatBoostClassifier:
    return catboost.CatBoostClassifier(iterations=3, verbose=0, allow_writing_files=False).fit(rows, labels)

@pipeline
def boosting():
    forest()
    light()
    cat()

run = boosting()
save_artifact({name: step.output.load().predict_proba(rows) for name, step in run.steps.items()}, "expected")
"""
BOOSTERS_LOADING = """
import numpy
from runlore import load_artifact
from runlore.client import Client

rows = numpy.random.default_rng(1).normal(size=(60, 3))
expected = load_artifact("expected")
for name, step in Client().get("boosting/latest").steps.items():
    model = step.output.load()
    same = numpy.array_equal(model.predict_proba(rows), expected[name])
    print(name, type(model).__name__, same, step.output.artifact_type, list(map(str, model.classes_)))
"""

KERAS_SAVING = """
import keras, numpy
from runlore import pipeline, save_artifact, step

class Scaled(keras.layers.Layer):
    def __init__(self, factor=1.0, **options):
        super().__init__(**options)
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}

def gap(goal, found):
    return keras.ops.mean((goal - found) ** 2, axis=-1)

rows = numpy.arange(12.0, dtype="float32").reshape(4, 3)

@step
def train() -> keras.Model:
    model = keras.Sequential([keras.layers.Input((3,)), Scaled(0.5), keras.layers.Dense(2)])
    model.compile("adam", loss=gap)
    model.fit(rows, rows[:, :2], verbose=0)
    return model

@pipeline
def training():
    train()

model = training().steps["train"].output.load()
save_artifact(model.predict(rows, verbose=0), "expected")
"""
KERAS_LOADING = """
import numpy
from runlore import load_artifact
from runlore.client import Client

rows = numpy.arange(12.0, dtype="float32").reshape(4, 3)
output = Client().get("training/latest/train").output
model = output.load()
print(numpy.array_equal(model.predict(rows, verbose=0), load_artifact("expected")), model.loss.__name__)
print(int(model.optimizer.iterations), output.artifact_type, output.metadata["backend"])
"""

TRANSFORMERS_SAVING = """
import tokenizers, torch, transformers
from runlore import pipeline, save_artifact, step

words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0, "a": 1, "b": 2}, unk_token="[UNK]"))
words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()

@step
def model():
    sizes = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=20)
    return transformers.BertModel(transformers.BertConfig(**sizes)).eval()

@step
def tokenizer() -> transformers.PreTrainedTokenizerBase:
    return transformers.PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]")

@pipeline
def making():
    model()
    tokenizer()

run = making()
save_artifact(words, "words")
save_artifact(run.steps["model"].output.load()(torch.tensor([[1, 2]])).last_hidden_state, "expected")
"""
TRANSFORMERS_LOADING = """
import torch
from runlore import load_artifact
from runlore.client import Client

run = Client().get("making/latest")
model, tokenizer = run.steps["model"].output.load(), run.steps["tokenizer"].output.load()
tokens = torch.tensor([tokenizer("a b")["input_ids"]])
print(torch.equal(model(tokens).last_hidden_state, load_artifact("expected")), load_artifact("words").encode("b a").ids)
print(run.steps["model"].output.artifact_type, run.steps["tokenizer"].output.artifact_type)
"""

EXPECTED = {
    "torch": [
        "Net True True",
        "OrderedDict True {'version': 1}",
        "torch.sparse_coo torch.bfloat16",
        "Lit 0.5 None True",
        "ModelArtifact 8",
        "DataArtifact None",
    ],
    "boosters": [
        "forest XGBClassifier True ModelArtifact ['0', '1']",
        "light LGBMClassifier True ModelArtifact ['no', 'yes']",
        "cat CatBoostClassifier True ModelArtifact ['no', 'yes']",
    ],
    "keras": ["True gap", "1 ModelArtifact torch"],
    "transformers": ["True [2, 1]", "ModelArtifact DataArtifact"],
}
SCRIPTS = {
    "torch": (TORCH_SAVING, TORCH_LOADING),
    "boosters": (BOOSTERS_SAVING, BOOSTERS_LOADING),
    "keras": (KERAS_SAVING, KERAS_LOADING),
    "transformers": (TRANSFORMERS_SAVING, TRANSFORMERS_LOADING),
}


def _run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "KERAS_BACKEND": "torch"}
    done = subprocess.run([sys.executable, script], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("family", list(SCRIPTS))
def test_what_libraries_made_loads_elsewhere(family: str, home: Path, tmp_path: Path) -> None:
    """Models and tensors that a script made, with classes of its own, load where the script is not, and are equal."""
    away = tmp_path / "away"
    away.mkdir()
    saving, loading = SCRIPTS[family]
    (tmp_path / "make.py").write_text(saving)
    (away / "use.py").write_text(loading)
    made = _run(tmp_path, "make.py")
    done = _run(away, "use.py")

    assert done.stdout.splitlines() == EXPECTED[family]
    if family == "torch":
        assert "A lightning Trainer is no value." in made.stdout + made.stderr
