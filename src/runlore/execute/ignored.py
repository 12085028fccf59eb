"""Ignored: which files of a project are none of the record's business: secrets, and what git is told to ignore."""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path, PurePosixPath

#: Names, lower case, of files that tend to hold secrets; they stay out even if git tracks them.
SECRET_NAMES = (
    ".env", ".env.*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "id_rsa*", "id_dsa*",
    "id_ecdsa*", "id_ed25519*", ".netrc", "_netrc", ".pgpass", ".pypirc", ".npmrc", ".htpasswd", "credentials",
    "credentials.*", "secret", "secret.*", "secrets", "secrets.*", "*.secret", "*.secrets",
)  # fmt: skip


@lru_cache(4096)
def looks_secret(path: PurePosixPath) -> bool:
    """Whether the file, or a folder that it is in, has a name that tends to mean secrets."""
    return any(fnmatchcase(part.lower(), pattern) for part in path.parts for pattern in SECRET_NAMES)


Rule = tuple[re.Pattern[str], bool, bool]
#: File → its change time and size, and the rules that it held then.
_read: dict[str, tuple[tuple[int, int], tuple[Rule, ...]]] = {}


def _rules_in(file: str) -> tuple[Rule, ...]:
    try:
        state = os.stat(file)
    except OSError:
        return ()
    stamp = (state.st_mtime_ns, state.st_size)
    known = _read.get(file)
    if known is not None and known[0] == stamp:
        return known[1]
    try:
        text = Path(file).read_text("utf-8", "replace")
    except OSError:
        return ()
    rules = tuple(rule for line in text.splitlines() if (rule := _rule(line)) is not None)
    _read[file] = (stamp, rules)
    return rules


class Ignored:
    """What is ignored in a project: asks about paths relative to its root, with forward slashes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._rules: dict[PurePosixPath, tuple[Rule, ...]] = {}

    def __contains__(self, path: PurePosixPath) -> bool:
        if looks_secret(path):
            return True
        # As git has it: nothing below an ignored folder can be taken back.
        steps = [*reversed(path.parents), path]
        return any(self._matches(step, is_folder=step != path) for step in steps[1:])

    def _matches(self, path: PurePosixPath, *, is_folder: bool) -> bool:
        ignored = False
        for folder in reversed(path.parents):
            inner = path.relative_to(folder).as_posix()
            for pattern, taken_back, folders_only in self._rules_of(folder):
                if (is_folder or not folders_only) and pattern.match(inner):
                    ignored = not taken_back
        return ignored

    def _rules_of(self, folder: PurePosixPath) -> tuple[Rule, ...]:
        rules = self._rules.get(folder)
        if rules is None:
            rules = self._rules[folder] = _rules_in(os.path.join(self._root, folder, ".gitignore"))
        return rules


def _rule(line: str) -> Rule | None:
    """Read one line of a ``.gitignore``: pattern, whether it takes back, whether it is about folders only."""
    line = line.rstrip() if not line.endswith("\\ ") else line
    taken_back = line.startswith("!")
    pattern = line[taken_back:]
    if not pattern or pattern.startswith("#"):
        return None
    folders_only = pattern.endswith("/")
    pattern = pattern.rstrip("/")
    anchored = "/" in pattern
    try:
        expression = re.compile(("" if anchored else "(?:.*/)?") + _expression(pattern.removeprefix("/")) + r"\Z", re.S)
    except re.error:
        return None  # git, too, lets a malformed pattern match nothing
    return expression, taken_back, folders_only


_TOKEN = re.compile(
    r"(?P<deep>\*\*/)|(?P<rest>/\*\*\Z)|(?P<many>\*+)|(?P<one>\?)|(?P<set>\[[!^]?\]?[^\]]*\])|\\?(?P<same>.)", re.S
)


def _expression(pattern: str) -> str:
    parts = []
    for token in _TOKEN.finditer(pattern):
        match token.lastgroup:
            case "deep":
                parts.append("(?:.*/)?")
            case "rest":
                parts.append("/.+")
            case "many":
                parts.append("[^/]*")
            case "one":
                parts.append("[^/]")
            case "set":
                inner = token["set"][1:-1]
                negated = inner[:1] in ("!", "^")
                parts.append(f"[{'^' if negated else ''}{inner[negated:]}]")
            case _:
                parts.append(re.escape(token["same"]))
    return "".join(parts)
