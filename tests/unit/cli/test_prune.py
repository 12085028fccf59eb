"""``artifact prune`` and ``run delete``: what they say beforehand is what they do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from runlore import platform, register_artifact, save_artifact
from runlore.client import Client
from runlore.errors import ArtifactDeleted, NotFound, QueryInvalid, StoreError
from runlore.show.cli.main import main
from runlore.testing.record_stories import new_run
from runlore.workspace import default_workspace

Cli = Callable[..., Result]
Told = Callable[..., Any]


@pytest.fixture
def loose(cli: Cli) -> Cli:
    """Two runs were deleted, one is there; and something was saved by hand."""
    for lr in ("0.1", "0.2", "0.3"):
        assert cli("pipeline", "run", "flow.py:training", "--lr", lr).exit_code == 0
    save_artifact(b"by hand" * 10_000, "kept")
    deleted = cli("run", "delete", "training/1", "training/2", "-y")
    assert "Deleted 2 runs." in deleted.stderr
    assert "1 artifact version" not in deleted.stderr and "2 artifact versions" in deleted.stderr
    assert "runlore artifact prune" in deleted.stderr
    return cli


def test_a_dry_run_tells_what_the_real_one_does(loose: Cli, told: Told) -> None:
    """Versions, counts and bytes of a dry run are those of the prune that follows, and it deletes nothing itself."""
    before = told("artifact", "version", "list")
    dry = told("artifact", "prune", "--dry-run")
    assert told("artifact", "version", "list") == before
    assert [f"{one['artifact']}@{one['version']}" for one in dry["versions"]] == ["model@1", "model@2"]
    assert loose("artifact", "prune", "--dry-run").stdout == "model@1\nmodel@2\n"

    real = told("artifact", "prune", "-y")

    assert {**real, "dry_run": True} == dry and real["freed"] > 0 and real["payloads"] == 2
    assert [one["version"] for one in told("artifact", "version", "list")] == ["1", "3", "1"]
    assert told("artifact", "prune", "--dry-run")["versions"] == []
    assert loose("artifact", "prune").stderr == "There is nothing to delete.\n"
    assert loose("check").exit_code == 0


def test_pruning_asks_or_refuses(loose: Cli, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal and without --yes nothing is pruned; on a terminal it is asked, with the numbers."""
    refused = loose("artifact", "prune")
    assert refused.exit_code == 1 and "--yes" in refused.stderr
    assert "Would delete 2 artifact versions" in refused.stderr

    for answer, left in (("n\n", 2), ("y\n", 0)):
        monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True, raising=False)
        CliRunner().invoke(main, ["artifact", "prune"], input=answer, prog_name="runlore")
        assert len(told("artifact", "prune", "--dry-run")["versions"]) == left


def test_options_choose_what_is_pruned(loose: Cli, told: Told) -> None:
    """Age, number and by hand narrow or widen what goes; what cannot be meant is an error."""

    def names(*options: str) -> list[str]:
        return [one["artifact"] for one in told("artifact", "prune", "--dry-run", *options)["versions"]]

    assert names("--older-than", "1h") == [] and names("--older-than", "0s") == ["model", "model"]
    assert names("--keep-last", "2") == ["model"] and names("--keep-last", "9") == []
    assert names("--include-manual") == ["model", "model", "kept"]
    assert names("--only-metadata") == ["model", "model"]
    assert told("artifact", "prune", "--dry-run", "--only-metadata")["freed"] == 0
    assert loose("artifact", "prune", "--older-than", "soon").exit_code == 2
    assert loose("artifact", "prune", "--only-artifact", "--only-metadata").exit_code == 2


def test_only_bytes_leave_a_version_that_says_so(loose: Cli, told: Told) -> None:
    """A version whose bytes alone were pruned is found, says that it is deleted, and does not load."""
    told("artifact", "prune", "-y", "--only-artifact")
    version = Client().get_artifact_version("model", 1)

    assert version.deleted and version.metadata
    with pytest.raises(ArtifactDeleted, match="model@1"):
        version.load()
    listed = loose("artifact", "version", "list", "model").stdout.splitlines()
    assert [line.split()[1:4] for line in listed[1:]] == [
        ["3", "dict", "29"],
        ["2", "dict", "deleted"],
        ["1", "dict", "deleted"],
    ]
    assert [row["deleted"] for row in told("artifact", "version", "list", "model")] == [False, True, True]
    shown = loose("artifact", "show", "model@1").stdout
    assert "its bytes were deleted" in shown and "not drawn yet" not in shown
    assert loose("check").exit_code == 0
    told("artifact", "prune", "-y")
    with pytest.raises(NotFound):
        Client().get_artifact_version("model", 1)


def test_python_prunes_alike(loose: Cli) -> None:
    """`Client.prune_artifacts` takes the same choices, ages and times, and says what was done."""
    client = Client()
    now = datetime.now(UTC)
    assert client.prune_artifacts(older_than=timedelta(hours=1), dry_run=True).versions == ()
    assert len(client.prune_artifacts(older_than=now, dry_run=True).versions) == 2
    for wrong in (
        {"only_artifact": True, "only_metadata": True},
        {"keep_last": -1},
        {"older_than": datetime(2030, 1, 1)},
    ):
        with pytest.raises(QueryInvalid):
            client.prune_artifacts(**wrong)
    manual = client.prune_artifacts(include_manual=True, threads=2)

    assert {one.name for one in manual.versions} == {"model@1", "model@2", "kept@1"}
    assert manual.files == 1 and manual.freed > 70_000 and not manual.dry_run


def test_runs_are_chosen_by_conditions(cli: Cli, told: Told) -> None:
    """Runs to delete are named or chosen, not both; a deletion that says --prune leaves nothing unused."""
    for lr in ("0.1", "-1", "0.2"):
        cli("pipeline", "run", "flow.py:training", "--lr", lr)
    assert cli("run", "delete", "-y").exit_code == 2
    assert cli("run", "delete", "training/1", "--status", "failed", "-y").exit_code == 2
    assert cli("run", "delete", "--pipeline", "training", "--status", "failed", "-y").stderr == "Deleted training/2.\n"
    assert "no such runs" in cli("run", "delete", "--status", "failed", "-y").stderr

    pruned = cli("run", "delete", "--pipeline", "training", "--prune", "-y")

    assert "Deleted 2 runs." in pruned.stderr and "freed" in pruned.stderr
    assert told("run", "list") == [] and told("artifact", "prune", "--dry-run")["versions"] == []


def test_a_running_run_is_not_deleted(loose: Cli) -> None:
    """A run that is running is refused, and with it whatever was to be deleted too."""
    workspace = default_workspace()
    new = new_run("training")
    workspace.ownership.acquire(new.id)
    identity = platform.this_process()
    workspace.record.begin_run(new_run("training", id=new.id, lease_pid=identity.pid, lease_boot=identity.boot))
    client = Client()

    with pytest.raises(StoreError, match="training/4 is running"):
        client.delete_runs(client.runs("training"))
    assert len(client.runs("training")) == 2

    dry, real = client.prune_artifacts(dry_run=True), client.prune_artifacts()
    assert dry.waiting_versions == real.waiting_versions == 2 and dry.freed == real.freed == 0
    workspace.ownership.release(new.id)
    assert client.prune_artifacts().payloads == 2


def test_a_deleted_version_is_no_input(loose: Cli) -> None:
    """A version without bytes cannot be taken by a step of a new run: that is said before anything runs."""
    client = Client()
    version = client.get_artifact_version("model", 1)
    client.prune_artifacts(only_artifact=True)
    assert version.deleted

    with pytest.raises(ArtifactDeleted):
        client.get_artifact_version("model", 1).__runlore_version__


def test_a_registered_file_is_never_deleted(loose: Cli, tmp_path: Path) -> None:
    """Pruning what was registered takes the version and what describes it, never the file or folder itself."""
    client = Client()
    file = Path(client.active_stack.artifact_store.path, "data.csv")
    file.write_text("a,b\n1,2\n")
    outside = tmp_path / "folder"
    outside.mkdir()
    (outside / "big.bin").write_bytes(b"big" * 30_000)
    register_artifact(str(file), "inside")
    register_artifact(str(outside), "outside", outside=True)
    assert client.prune_artifacts(dry_run=True).versions != () and file.exists()

    pruned = client.prune_artifacts(include_manual=True)

    assert {"inside@1", "outside@1"} <= {one.name for one in pruned.versions}
    assert file.read_text() == "a,b\n1,2\n" and (outside / "big.bin").stat().st_size == 90_000
    assert loose("check").exit_code == 0
    again = register_artifact(str(file), "inside")
    assert again.version == "2" and again.load().read_text() == "a,b\n1,2\n"
