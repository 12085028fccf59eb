"""Memo: what a process remembers of interned rows."""

from __future__ import annotations

#: Interned texts that a process remembers at most.
_REMEMBERED = 50_000


class Memo:
    """Ids of interned rows that this process has seen committed."""

    def __init__(self) -> None:
        self.words: dict[str, int] = {}
        self.kinds: dict[tuple[str, str, str], int] = {}
        self.definitions: dict[bytes, int] = {}
        self.artifacts: dict[str, int] = {}
        #: (run, step index) of planned steps → whether the step is mapped, as long as the run runs.
        self.steps: dict[tuple[int | None, int], bool] = {}

    def forget(self) -> None:
        """After a rollback, whatever was learnt in it may be wrong."""
        for known in (self.words, self.kinds, self.definitions, self.artifacts, self.steps):
            known.clear()

    def forget_steps(self, run: int) -> None:
        """The run has ended; nobody asks for its steps any more."""
        for known in [known for known in self.steps if known[0] == run]:
            del self.steps[known]

    def trim(self) -> None:
        """Keep memory bounded."""
        if len(self.words) + len(self.artifacts) + len(self.definitions) + len(self.steps) > _REMEMBERED:
            self.forget()
