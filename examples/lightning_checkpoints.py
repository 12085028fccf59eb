"""PyTorch Lightning: every checkpoint of a training is a version of an artifact, without a byte being copied.

Needs torch and pytorch-lightning. The callback registers each checkpoint as soon as Lightning has written it, with what
was measured then; afterwards the best one is promoted, and gotten back in a line.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader, TensorDataset

from runlore import pipeline, register_artifact, step
from runlore.client import Client


class RegisteredCheckpoint(ModelCheckpoint):
    """A `ModelCheckpoint` whose every checkpoint becomes one version of the artifact ``artifact_name``."""

    def __init__(self, artifact_name: str, **options) -> None:
        # keep every file: a checkpoint that Lightning deletes again would be a version that is missing
        options.setdefault("dirpath", Path(Client().active_stack.artifact_store.path) / uuid4().hex)
        super().__init__(save_top_k=-1, **options)
        self.artifact_name = artifact_name
        self._registered: set[Path] = set()

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        super().on_train_epoch_end(trainer, module)
        for path in sorted(Path(self.dirpath).glob("*.ckpt")):
            if path not in self._registered:
                measured = {name: value.item() for name, value in trainer.callback_metrics.items()}
                metadata = {"epoch": trainer.current_epoch, **measured}
                register_artifact(path, self.artifact_name, metadata=metadata, is_model_artifact=True)
                self._registered.add(path)


class Line(LightningModule):
    """y = a·x + b."""

    def __init__(self) -> None:
        super().__init__()
        self.line = torch.nn.Linear(1, 1)

    def training_step(self, batch, _index):
        x, y = batch
        loss = torch.nn.functional.mse_loss(self.line(x), y)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@step
def train(epochs: int, seed: int) -> Annotated[dict, "weights"]:
    """Fit the line to points on y = 3·x + 1."""
    torch.manual_seed(seed)
    x = torch.linspace(-1, 1, 64).reshape(-1, 1)
    model = Line()
    trainer = Trainer(
        max_epochs=epochs,
        callbacks=[RegisteredCheckpoint("line_checkpoints", every_n_epochs=1, filename="checkpoint-{epoch:02d}")],
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, DataLoader(TensorDataset(x, 3 * x + 1), batch_size=16))
    return {name: tensor.item() for name, tensor in model.state_dict().items()}


@pipeline
def lightning(epochs: int = 4, seed: int = 0):
    """Train, and keep every checkpoint."""
    return train(epochs, seed)


def main() -> None:
    if "RUNLORE_HOME" not in os.environ:
        os.environ["RUNLORE_HOME"] = tempfile.mkdtemp(prefix="runlore-lightning-")
    lightning()
    client = Client()
    checkpoints = client.get_artifact("line_checkpoints").versions
    best = min(checkpoints, key=lambda version: version.metadata["loss"])
    best.promote("production")
    for version in reversed(checkpoints):
        mark = ", ".join(version.aliases)
        print(f"version {version.version}: loss {version.metadata['loss']:.4f} {mark}".rstrip())
    path = client.get_artifact_version("line_checkpoints", "production").load()
    print(f"{path.name} holds", torch.load(path, weights_only=False)["state_dict"])


if __name__ == "__main__":
    main()
