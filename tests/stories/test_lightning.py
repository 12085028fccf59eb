"""PyTorch Lightning as the guides of ZenML use it: its checkpoints stay where they are and become artifact versions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

# what the libraries warn of each other is not ours to raise
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
torch = pytest.importorskip("torch")
pytest.importorskip("pytorch_lightning")

EXAMPLE = Path(__file__).parents[2] / "examples" / "lightning_checkpoints.py"


@pytest.fixture(autouse=True)
def record(home: Path) -> Path:
    """Every story begins with an empty record."""
    return home


@pytest.fixture
def model() -> tuple[Any, Any]:
    """A model that learns a line, and its data."""
    from pytorch_lightning import LightningModule
    from torch.utils.data import DataLoader, TensorDataset

    class YourLightningModel(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.line = torch.nn.Linear(1, 1)

        def training_step(self, batch: Any, _index: int) -> Any:
            return torch.nn.functional.mse_loss(self.line(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    x = torch.linspace(-1, 1, 16).reshape(-1, 1)
    return YourLightningModel(), DataLoader(TensorDataset(x, 3 * x + 1), batch_size=8)


def test_all_checkpoints_are_one_artifact(model: tuple[Any, Any]) -> None:
    """Seed 003, "Register Framework Checkpoints", and seed 004, "Linking existing data": the folder is one version."""
    from pytorch_lightning import Trainer
    from pytorch_lightning.callbacks import ModelCheckpoint

    from runlore import register_artifact
    from runlore.client import Client

    # Define checkpoint location in your artifact store
    prefix = Client().active_stack.artifact_store.path
    checkpoint_dir = os.path.join(prefix, uuid4().hex)

    # Configure PyTorch Lightning trainer with checkpointing
    module, data = model
    trainer = Trainer(
        default_root_dir=checkpoint_dir,
        callbacks=[
            ModelCheckpoint(
                every_n_epochs=1,
                save_top_k=-1,  # Keep all checkpoints
                filename="checkpoint-{epoch:02d}",
            )
        ],
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )

    # Train the model
    try:
        trainer.fit(module, data)
    finally:
        # We now link those checkpoints as an artifact
        # This will create a new artifact version
        register_artifact(checkpoint_dir, name="all_my_model_checkpoints")
    register_artifact(folder_or_file_uri=checkpoint_dir, name="lightning_checkpoints")

    # Later, you can load the checkpoint folder
    checkpoint_path = Client().get_artifact_version("lightning_checkpoints").load()

    assert isinstance(checkpoint_path, Path) and checkpoint_path == Path(checkpoint_dir)
    assert Client().get_artifact_version("all_my_model_checkpoints").load() == checkpoint_path
    files = sorted(checkpoint_path.rglob("*.ckpt"))
    assert [file.name for file in files] == ["checkpoint-epoch=00.ckpt", "checkpoint-epoch=01.ckpt"]
    assert torch.load(files[1], weights_only=False)["epoch"] == 1


def test_each_checkpoint_is_one_version(home: Path, tmp_path: Path) -> None:
    """The example's callback registers every checkpoint with what was measured; the best one loads by its alias."""
    from runlore.client import Client

    done = subprocess.run(
        [sys.executable, str(EXAMPLE)], cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    artifact = Client().get_artifact("line_checkpoints")
    versions = list(reversed(artifact.versions))

    assert [version.version for version in versions] == ["1", "2", "3", "4"]
    assert [version.load().name for version in versions] == [f"checkpoint-epoch={epoch:02d}.ckpt" for epoch in range(4)]
    assert [version.metadata["epoch"] for version in versions] == [0, 1, 2, 3]
    losses = [version.metadata["loss"] for version in versions]
    assert losses == sorted(losses, reverse=True) and artifact.aliases["production"] == versions[3]
    assert {version.artifact_type for version in versions} == {"ModelArtifact"}
    assert versions[0].save_type == "registered" and "version 4: loss" in done.stdout
    run = Client().get_pipeline("lightning").last_successful_run
    assert run.steps["train"].saved_artifacts["line_checkpoints"] == versions[3]
    state = torch.load(versions[3].load(), weights_only=False)["state_dict"]
    assert {name: tensor.item() for name, tensor in state.items()} == run.steps["train"].output.load()
