"""The composition root: settings → record, blobs, vault, ownership; running pipelines and recalling their results."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from runlore.author import current
from runlore.errors import ArtifactDeleted, ConfigurationError, StoreReadOnly
from runlore.model.query import Condition, Operator, Query
from runlore.model.suggest import did_you_mean
from runlore.recall.client import Client
from runlore.recall.lookup import KNOWN
from runlore.record.meaning import version_called
from runlore.record.ownership import Ownership
from runlore.record.port import Record
from runlore.record.sql.sqlite import SQLiteRecord
from runlore.settings import FOLDER, Settings, load_settings

#: Name of the record's file in its folder.
RECORD = "record.db"
#: Seconds for which whoever asks about a run waits for git, at most.
GIT_PATIENCE = 5.0

if TYPE_CHECKING:
    from runlore.execute.git import GitCapture
    from runlore.execute.progress import Progress
    from runlore.execute.run import PipelineRun
    from runlore.execute.saving import Saving
    from runlore.model.pruning import Pruned, Pruning
    from runlore.recall.version import ArtifactVersion
    from runlore.record.blobs.port import Blobs
    from runlore.record.vault import Vault


class Workspace:
    """Where the record lives and where work runs."""

    def __init__(
        self,
        settings: Settings,
        record: Record,
        ownership: Ownership,
    ) -> None:
        self.settings = settings
        self.record = record
        self.ownership = ownership
        #: `Run.seq` → what is still being asked about the run.
        self._asked: dict[int, GitCapture] = {}
        self.client = Client(self)

    @classmethod
    def open(cls, settings: Settings | None = None) -> Workspace:
        """Open the workspace that the settings name, by default those of the environment.

        Runs whose process is gone are marked interrupted on the way. Raises `StoreError` and below, and
        `ConfigurationError` for a setting that this version cannot follow.
        """
        settings = settings or load_settings()
        for name in ("store", "artifacts"):
            given = getattr(settings, name)
            if given is not None:
                raise ConfigurationError(
                    f"The setting {name} (RUNLORE_{name.upper()}) says {given!r}, but this version keeps its record in "
                    "the home folder only. Leave it out, or choose the folder with RUNLORE_HOME."
                )
        try:
            settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StoreReadOnly(
                f"The record's folder {settings.home} ({settings.home_reason}) cannot be made: {error.strerror}. "
                "Set RUNLORE_HOME to a folder that can be written."
            ) from error
        read_only = not os.access(settings.home, os.W_OK)
        record = SQLiteRecord(settings.home / RECORD, durability=settings.durability, read_only=read_only)
        ownership = Ownership(settings.home / "leases")
        if not read_only:
            ownership.sweep_interrupted(record, _now)
        return cls(settings, record, ownership)

    # what handles values is opened when the first value is met: lists of runs come without

    @cached_property
    def blobs(self) -> Blobs:
        """Where values lie that are too large for a row of the record."""
        from runlore.record.blobs.local import LocalBlobs

        blobs = LocalBlobs(self.settings.home / "blobs", durability=self.settings.durability)
        blobs.claimed = self.record.spare
        return blobs

    @cached_property
    def vault(self) -> Vault:
        """Stores and loads values."""
        from runlore.record.registered import RegisteredFiles
        from runlore.record.vault import Vault

        home, limit, policy = self.settings.home, self.settings.inline_limit, self.settings.pickle
        registered = RegisteredFiles(self.settings.files, home, home / "files-verified")
        return Vault(self.record, self.blobs, inline_limit=limit, key=self._key, policy=policy, registered=registered)

    @cached_property
    def _key(self) -> bytes:
        from runlore.record.key import installation_key

        return installation_key(self.settings)

    @property
    def _salt(self) -> bytes:
        """Key of the digests that tell redacted parameters apart."""
        from hashlib import sha256

        return sha256(b"runlore secret parameters\0" + self._key).digest()

    @property
    def description(self) -> str:
        """Where the record is and why there, for people: ``/home/mia/project/.runlore (project folder)``."""
        return f"{self.settings.home} ({self.settings.home_reason})"

    def __repr__(self) -> str:
        return f"<Workspace {self.description}>"

    def run(self, pipeline: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run ``pipeline`` with these arguments; return a handle on the run. Raises what its steps raise."""
        made = self._prepare(pipeline, args, kwargs)
        try:
            with self._progress:
                return self._run_handle(made.run())
        finally:
            self._asked = {run: git for run, git in self._asked.items() if not git.over}
            if made.git is not None:
                self._asked[made.seq] = made.git

    def plan(self, pipeline: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Tell which steps a run would have and which of them the cache would serve, without running anything."""
        return self._prepare(pipeline, args, kwargs, dry=True).preview()

    def complete(self, run: int) -> None:
        """Wait until everything that this process gathers about a run is recorded."""
        asked = self._asked.pop(run, None)
        if asked is not None:
            asked.finish(GIT_PATIENCE)

    def saving(self, name: str, **described: Any) -> Saving:
        """What makes versions of the artifact ``name`` by hand; see `Saving`."""
        from runlore.execute.saving import Saving  # what writes is not imported by who only reads

        return Saving(self.record, self.vault, name, holding=self.ownership.holding, **described)

    def save_artifact(self, value: Any, name: str, **options: Any) -> Any:
        """As `save_artifact`, in this workspace."""
        with current.use_workspace(self):
            return save_artifact(value, name, **options)

    def register_artifact(self, path: str | os.PathLike[str], name: str, **options: Any) -> Any:
        """As `register_artifact`, in this workspace."""
        with current.use_workspace(self):
            return register_artifact(path, name, **options)

    def prune(self, pruning: Pruning, *, dry_run: bool, threads: int, ignore_errors: bool) -> Pruned:
        """Delete what nothing refers to, or tell what that would be; see `Client.prune_artifacts`."""
        from runlore.record.prune import Pruner  # what deletes is not imported by who only reads

        self._complete_all()  # or what is still being noted about our own last run would hold up what can go
        self.ownership.sweep_interrupted(self.record, _now)
        pruner = Pruner(self.record, self.blobs, self.ownership.held)
        if dry_run:
            return pruner.preview(pruning, ignore_errors=ignore_errors)
        return pruner.prune(pruning, threads=threads, ignore_errors=ignore_errors)

    def close(self) -> None:
        """Give up connections, when everything that is being gathered about runs is recorded."""
        self._complete_all()
        self.record.close()

    def _complete_all(self) -> None:
        for run in list(self._asked):
            self.complete(run)

    @cached_property
    def _progress(self) -> Progress:
        from runlore.execute.progress import Progress

        return Progress(mode=self.settings.progress)

    def _prepare(
        self, pipeline: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], *, dry: bool = False
    ) -> PipelineRun:
        # the engine is most of what there is to import, and whoever only recalls never needs it
        from runlore.execute.run import PipelineRun, Request
        from runlore.execute.services import Services

        services = Services(
            record=self.record,
            vault=self.vault,
            emit=self._progress.handle,
            open_run=self._run_handle,
            log_limit=self.settings.log_limit,
            caching=self.settings.enable_cache,
            describing=self.settings.enable_artifact_metadata,
            picturing=self.settings.enable_artifact_visualization,
        )
        request = Request(pipeline=pipeline, arguments=pipeline.signature.given(args, kwargs))
        return PipelineRun(
            request,
            services,
            self.ownership,
            resolve_artifact=self._find_version,
            instead_of_artifact=self._instead,
            secret_names=self.settings.secrets,
            salt=self._salt,
            capture=self.settings.capture_code,
            dry=dry,
        )

    def _run_handle(self, seq: int) -> Any:
        return self.client.run_of(self.record.run(seq))

    def _find_version(self, name: str | UUID, version: str | None = None) -> Any:
        """A version noun by its id, or of an artifact by label or alias, the latest if none is named; or ``None``.

        Raises `ArtifactDeleted` for one without bytes, which no step can take.
        """
        if isinstance(name, UUID):
            is_it = (Condition("id", Operator.EQ, name),)
            found = next(iter(self.record.select(Query(noun="version", conditions=is_it, limit=1)).items), None)
        else:
            found = version_called(self.record, name, None if version is None else str(version))
        if found is not None and found.deleted:
            raise ArtifactDeleted(
                f"The bytes of artifact:{found.artifact}@{found.version} were deleted on purpose; no step can take it."
            )
        return found

    def _instead(self, name: str, version: str | None = None) -> str:
        """What there is when `_find_version` found nothing."""
        is_it = (Condition("artifact", Operator.EQ, name),)
        found = self.record.select(Query(noun="version", conditions=is_it, limit=KNOWN)).items
        if found:
            aliases = [alias.name for alias in self.record.aliases(name)]
            return did_you_mean(str(version), [*aliases, *(noun.version for noun in found)])
        return did_you_mean(name, [noun.name for noun in self.record.select(Query(noun="artifact", limit=KNOWN)).items])


def _now() -> datetime:
    return datetime.now(UTC)


_default: Workspace | None = None
#: What `set_workspace` chose.
_chosen: Workspace | None = None


def default_workspace() -> Workspace:
    """The process-wide workspace: the one of `set_workspace`, else the one that the settings name.

    That is opened on first use, and anew when the settings lead elsewhere or its file is gone.
    """
    global _default
    if _chosen is not None:
        return _chosen
    settings = load_settings()
    if _default is None or _default.settings != settings or not _in_place(_default.record):
        _default = Workspace.open(settings)
    return _default


def _in_place(record: Record) -> bool:
    return not isinstance(record, SQLiteRecord) or record.in_place


def bind_default() -> None:
    """Let pipelines and `Client()` use the default workspace unless another one is in force."""
    current.set_workspace_factory(default_workspace)
    current.set_workspace_opener(workspace_at)


#: Folder of a record → the workspace that was opened there.
_opened: dict[Path, Workspace] = {}


def workspace_at(place: Workspace | str | os.PathLike[str], *, create: bool = False) -> Workspace:
    """The workspace at a place: the folder of a record, or one with ``.runlore/`` in it. Opened once in a process.

    Raises `ConfigurationError` when no record is there, unless ``create`` allows making one, and for a URL, which this
    version cannot follow.
    """
    if isinstance(place, Workspace):
        return place
    if not isinstance(place, str | os.PathLike) or not os.fspath(place):
        raise ConfigurationError(f"A workspace is a Workspace or the path of a record's folder, not {place!r}.")
    text = os.fspath(place)
    if "://" in text:
        raise ConfigurationError(f"{text!r} is a URL, but this version keeps its records in folders only.")
    home = _record_folder(Path(os.path.abspath(os.path.expanduser(text))), create=create)
    opened = _opened.get(home)
    if opened is None or not _in_place(opened.record):
        own = load_settings()
        # a folder may come from a stranger, with the key he chose: ours is never looked for there
        key_folder = own.user_folder or own.home
        settings = own._replace(home=home, home_reason="given", user_folder=key_folder, store=None, artifacts=None)
        opened = _opened[home] = Workspace.open(settings)
    return opened


def _record_folder(folder: Path, *, create: bool) -> Path:
    for candidate in (folder, folder / FOLDER):
        if (candidate / RECORD).is_file():
            return candidate
    if create and (folder.is_dir() or not os.path.lexists(folder)):
        return folder
    what = "is no folder" if not folder.is_dir() else f"holds no record: neither {RECORD} nor {FOLDER}/ with one"
    raise ConfigurationError(f"{folder} {what}. `runlore init` makes one for a project; create=True makes one there.")


class use_workspace:
    """Make another workspace the current one inside a ``with`` block: a path or a `Workspace`; it gives the workspace.

    What is run, saved and looked up in the block, in this thread or task, goes there; what was in force comes back at
    its end, whatever happens. Blocks may be nested. Handles keep the workspace that they come from. The record is
    opened before the block begins: where that fails, nothing has changed.

    Args:
        place: The folder of a record, or one with ``.runlore/`` in it; or a `Workspace`.
        create: Make a record where there is none.

    Raises:
        ConfigurationError: no record is there.
    """

    def __init__(self, place: Workspace | str | os.PathLike[str], *, create: bool = False) -> None:
        self._workspace = workspace_at(place, create=create)
        self._blocks: list[Any] = []

    def __enter__(self) -> Workspace:
        block = current.use_workspace(self._workspace)
        block.__enter__()
        self._blocks.append(block)
        return self._workspace

    def __exit__(self, *raised: Any) -> None:
        self._blocks.pop().__exit__(None, None, None)


def set_workspace(place: Workspace | str | os.PathLike[str] | None, *, create: bool = False) -> Workspace:
    """Make a workspace the one of the whole process, and return it; ``None`` goes back to what the settings name.

    In the block of a `use_workspace`, that one stays in force until the block ends. Raises as `use_workspace`; then
    nothing has changed.
    """
    global _chosen
    _chosen = None if place is None else workspace_at(place, create=create)
    return default_workspace()


def get_workspace() -> Workspace:
    """The workspace in force here; its ``description`` says where its record is, and why there."""
    workspace: Workspace = current.workspace()
    return workspace


def save_artifact(
    value: Any,
    name: str,
    version: str | int | None = None,
    *,
    tags: Sequence[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    user_metadata: Mapping[str, Any] | None = None,
    artifact_type: str | None = None,
    is_model_artifact: bool = False,
    materializer: Any = None,
    extract_metadata: bool | None = None,
    include_visualizations: bool | None = None,
) -> ArtifactVersion:
    """Store ``value`` as a new version of the artifact ``name``; return a handle on it.

    Works anywhere. Inside a step the version also shows among the step's ``saved_artifacts``.

    Args:
        value: Anything that a step can return.
        name: Name of the artifact.
        version: Label of the version; by default the next number.
        tags: Tags of the version.
        metadata: What is noted on the version; ``user_metadata`` is the same.
        artifact_type: ``DataArtifact``, ``ModelArtifact``, …; by default what the materializer says.
        is_model_artifact: Short for ``artifact_type="ModelArtifact"``.
        materializer: A materializer class or the name of one; by default what fits the value's class.
        extract_metadata: Whether the value is described (shape, type of its elements, …); by default, as the setting
            ``enable_artifact_metadata`` says.
        include_visualizations: Whether pictures of the value may be made; by default, as the setting
            ``enable_artifact_visualization`` says.

    Raises:
        AlreadyExists: ``version`` is taken.
        ValueUnstorable: the value or its metadata cannot be stored exactly.
    """
    workspace = current.workspace()
    saving = workspace.saving(
        name,
        version=version,
        tags=tags,
        metadata={**(metadata or {}), **(user_metadata or {})},
        artifact_type=artifact_type,
        is_model_artifact=is_model_artifact,
    )
    describe = workspace.settings.enable_artifact_metadata if extract_metadata is None else extract_metadata
    picturing = workspace.settings.enable_artifact_visualization
    draw = picturing if include_visualizations is None else include_visualizations
    made = saving.save(value, materializer=materializer, describe=describe, draw=draw)
    saved: ArtifactVersion = workspace.client.version_of(made)
    return saved


def register_artifact(
    folder_or_file_uri: str | os.PathLike[str],
    name: str,
    version: str | int | None = None,
    *,
    tags: Sequence[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    run_metadata: Mapping[str, Any] | None = None,
    artifact_type: str | None = None,
    is_model_artifact: bool = False,
    outside: bool = False,
) -> ArtifactVersion:
    """Record a file or folder that stays where it is as a version of the artifact ``name``; return a handle on it.

    Nothing is copied. Its digests are recorded, and ``load()`` gives its path (a `pathlib.Path`) only if everything
    there is as it was; read it, do not write to it. Registering again what has not changed gives the version there is,
    with ``tags`` and ``metadata`` added.

    Args:
        folder_or_file_uri: A path or ``file:`` URI, in the folder ``Client().active_stack.artifact_store.path``.
        name: Name of the artifact.
        version: Label of the version; by default the next number.
        tags: Tags of the version.
        metadata: What is noted on the version; ``run_metadata`` is the same.
        artifact_type: ``DataArtifact``, ``ModelArtifact``, …; by default ``DataArtifact``.
        is_model_artifact: Short for ``artifact_type="ModelArtifact"``.
        outside: Allow a path outside of that folder.

    Raises:
        ArtifactMissing: nothing is there.
        ValueUnstorable: the path lies elsewhere and ``outside`` does not allow it; a link leads out of the folder.
        AlreadyExists: ``version`` is taken.
    """
    workspace = current.workspace()
    saving = workspace.saving(
        name,
        version=version,
        tags=tags,
        metadata={**(metadata or {}), **(run_metadata or {})},
        artifact_type=artifact_type,
        is_model_artifact=is_model_artifact,
    )
    registered: ArtifactVersion = workspace.client.version_of(saving.register(folder_or_file_uri, outside=outside))
    return registered


def load_artifact(
    name_or_id: str | UUID,
    version: str | int | None = None,
    *,
    trust: bool = False,
    moved: Mapping[str, str] | None = None,
) -> Any:
    """Return the value of an artifact version, by default the latest one of the name.

    ``version`` is a label, such as ``"3"``, or an alias, such as ``"production"``; ``trust`` and ``moved`` are those of
    `ArtifactVersion.load`. Raises `NotFound`, and as that.
    """
    return current.workspace().client.get_artifact_version(name_or_id, version).load(trust=trust, moved=moved)
