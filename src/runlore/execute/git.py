"""Git: at which commit a run's code was, and what had been changed since."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from runlore.execute.ignored import SECRET_NAMES
from runlore.execute.keep import Store, keep

if TYPE_CHECKING:
    import subprocess

#: Bytes beyond which a diff is not kept.
DIFF_LIMIT = 5_000_000
#: Seconds that git may take in all before it is stopped.
TIME_LIMIT = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GitState:
    """What git said about the folder."""

    #: Hash of the commit, 40 or 64 hex digits; ``None`` before the first commit.
    commit: str | None
    #: ``None`` when no branch is checked out.
    branch: str | None
    #: Whether tracked files differ from the commit.
    dirty: bool
    #: The difference of tracked files to the commit, as a patch, without files that look secret; ``None`` if there is
    #: none, or it was larger than `DIFF_LIMIT`.
    diff: bytes | None

    def facts(self, blobs: Store) -> dict[str, str | bool | None]:
        """What a run records of it: commit, branch, dirty, and the digest of the diff, stored in ``blobs``."""
        diff = keep(self.diff, blobs) if self.diff is not None else None
        return {"commit": self.commit, "branch": self.branch, "dirty": self.dirty, "diff": diff}


class GitCapture:
    """Ask git in the background: `start` when a run begins, `result` when it ends.

    The state is that of the start: both questions are asked at once, while the run's first steps work.
    """

    def __init__(self, folder: str | Path, *, environ: Mapping[str, str] | None = None, program: str = "git") -> None:
        self._folder = Path(folder)
        self._environ = _environment(os.environ if environ is None else environ)
        self._program = program
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._deadline = 0.0
        self._state: GitState | None = None

    def start(self) -> None:
        """Begin. Does nothing where there is no repository."""
        if not any((folder / ".git").exists() for folder in (self._folder, *self._folder.parents)):
            return
        self._deadline = monotonic() + TIME_LIMIT
        self._thread = threading.Thread(target=self._work, name="runlore-git", daemon=True)
        self._thread.start()

    def result(self, timeout: float = 1.0) -> GitState | None:
        """Wait for at most ``timeout`` seconds; ``None`` where git, a repository or an answer in time is missing."""
        if self._thread is None:
            return None
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._stopped = True
            process = self._process
            if process is not None:
                process.kill()
            return None
        return self._state

    def _work(self) -> None:
        try:
            self._state = self._ask()
        except OSError:  # no git on this machine, or the folder went away
            self._state = None

    def _ask(self) -> GitState | None:
        status = self._run("status", "--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=dirty")
        if status is None:
            return None
        commit, branch, dirty = _read_status(status.decode("utf-8", "replace"))
        diff = self._diff() if dirty and commit is not None else None
        return GitState(commit=commit, branch=branch, dirty=dirty, diff=diff)

    def _diff(self) -> bytes | None:
        hidden = [f":(top,exclude,icase,glob)**/{name}" for name in SECRET_NAMES]
        hidden += [f":(top,exclude,icase,glob)**/{name}/**" for name in SECRET_NAMES]
        # No program that a repository's configuration names may run just because somebody runs a pipeline in it.
        quiet = ("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=dirty")
        diff = self._run("diff", *quiet, "HEAD", "--", ":(top)", *hidden)
        return diff if diff and len(diff) <= DIFF_LIMIT else None

    def _run(self, *arguments: str) -> bytes | None:
        import subprocess

        if self._stopped:
            return None
        safe = ("--no-pager", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
        self._process = process = subprocess.Popen(
            [self._program, *safe, *arguments],
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        if self._stopped:  # between the look above and the start
            process.kill()
        try:
            output, _ = process.communicate(timeout=max(self._deadline - monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return None
        return output if process.returncode == 0 else None


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    # GIT_DIR and its kin are set inside git hooks and would answer for another repository.
    kept = {name: value for name, value in environ.items() if not name.startswith("GIT_")}
    return kept | {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


def _read_status(text: str) -> tuple[str | None, str | None, bool]:
    commit = branch = None
    dirty = False
    for line in text.splitlines():
        if line.startswith("# branch.oid "):
            commit = line.removeprefix("# branch.oid ").strip()
        elif line.startswith("# branch.head "):
            branch = line.removeprefix("# branch.head ").strip()
        elif line and not line.startswith("#"):
            dirty = True
    return (
        None if commit == "(initial)" else commit,
        None if branch == "(detached)" else branch,
        dirty,
    )
