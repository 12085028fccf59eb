"""Git: at which commit a run's code was, and what had been changed since."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from runlore.execute.ignored import SECRET_NAMES
from runlore.execute.keep import Store, keep
from runlore.execute.ticker import TICKER, Ticker

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
    """Ask git beside runs, which do not wait for the answer.

    Whoever wants it is called with the state, from another thread, unless there is none to tell: no repository, no git,
    or no answer in time. `finish` waits for that; it is called for every capture under way when the process ends.
    """

    def __init__(self, folder: str | Path, *, environ: Mapping[str, str] | None = None, program: str = "git") -> None:
        self._folder = Path(folder)
        self._wanted: list[Callable[[GitState], None]] = []
        self._environ = environ
        self._program = program
        self._guard = threading.Lock()
        self._begun = False
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        #: Whether everybody has been called, or will not be.
        self.over = False
        self._deadline = 0.0

    def join(self, then: Callable[[GitState], None]) -> bool:
        """Call ``then`` as well; refused once git has been asked, since its answer may be older than the wish."""
        with self._guard:
            if self._begun:
                return False
            self._wanted.append(then)
            return True

    def begin(self, after: float = 0.0, *, ticker: Ticker = TICKER) -> None:
        """Ask in ``after`` seconds."""
        _under_way.add(self)
        ticker.after(after, self._start)

    def finish(self, timeout: float = 1.0) -> None:
        """Return when everybody has been called, or will not be; stop git after ``timeout`` seconds."""
        with self._guard:
            begun, self._begun = self._begun, True
        if not begun:  # not in a thread: an interpreter that ends starts none
            self._deadline = monotonic() + timeout
            self._work()
        elif self._thread is not None:
            self._thread.join(timeout)
        self._stop()

    def _start(self) -> None:
        with self._guard:
            if self._begun:
                return
            self._deadline = monotonic() + TIME_LIMIT
            thread = threading.Thread(target=self._work, name="runlore-git", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # there are too many threads, or the process ends: `finish` does without
                return
            self._begun, self._thread = True, thread

    def _stop(self) -> None:
        self.over = True
        _under_way.discard(self)
        process = self._process
        if process is not None:
            process.kill()

    def _work(self) -> None:
        try:
            state = self._ask()
        except OSError:  # no git on this machine, or the folder went away
            state = None
        if state is not None and not self.over:
            for then in self._wanted:
                then(state)
        self.over = True
        _under_way.discard(self)

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

        if self.over:
            return None
        safe = ("--no-pager", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
        self._process = process = subprocess.Popen(
            [self._program, *safe, *arguments],
            cwd=self._folder,
            env=_environment(os.environ if self._environ is None else self._environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        if self.over:  # between the look above and the start
            process.kill()
        try:
            output, _ = process.communicate(timeout=max(self._deadline - monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return None
        return output if process.returncode == 0 else None


#: Captures that have not come to their end, whatever that is.
_under_way: set[GitCapture] = set()


@atexit.register
def _finish_all() -> None:
    deadline = monotonic() + 1.0
    for capture in list(_under_way):
        capture.finish(max(deadline - monotonic(), 0.0))


#: Folder → the capture that was asked for last.
_last: dict[Path, GitCapture] = {}


def _forget() -> None:
    """In a forked child: what is under way is the parent's to finish."""
    _under_way.clear()
    _last.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def ask_git(folder: Path, then: Callable[[GitState], None], *, after: float) -> GitCapture | None:
    """Call ``then`` with the state that a folder has in ``after`` seconds; ``None`` if that is no repository.

    Runs that follow each other within that time share one answer.
    """
    if not is_repository(folder):
        return None
    last = _last.get(folder)
    if last is not None and last.join(then):
        return last
    capture = _last[folder] = GitCapture(folder)
    capture.join(then)
    capture.begin(after)
    return capture


def is_repository(folder: Path) -> bool:
    """Whether git has anything to say about a folder."""
    return any(os.path.lexists(os.path.join(place, ".git")) for place in (folder, *folder.parents))


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
