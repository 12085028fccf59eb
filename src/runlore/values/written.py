"""What wrote a pickle: the versions of Python and of the libraries whose modules it names, told without loading it."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

#: Bytes of a pickle, from its beginning, in which modules are looked for.
SEARCHED = 1 << 20

# how pickle protocols 4 and 5 write a text of up to 255 bytes: opcode, length, UTF-8 (pickletools: SHORT_BINUNICODE)
_TEXT = re.compile(rb"\x8c(.)((?:[A-Za-z_][A-Za-z0-9_]*)(?:\.[A-Za-z_][A-Za-z0-9_]*)*)", re.DOTALL)


def written_by(head: bytes | bytearray) -> dict[str, str]:
    """Return the version of Python and of each loaded library that the beginning of a pickle names, by name.

    A library is named by its module (``sklearn``). Those of the standard library have the version of Python, and those
    without ``__version__``, such as a project's own modules, have none.
    """
    found = {"python": _python()}
    names = {text[: length[0]].decode() for length, text in _TEXT.findall(head) if len(text) >= length[0]}
    roots = {name.partition(".")[0] for name in names if name in sys.modules}
    for root in sorted(roots - sys.stdlib_module_names - {"__main__"}):
        version = getattr(sys.modules.get(root), "__version__", None)
        if isinstance(version, str):
            found[root] = version
    return found


def written_and_here(written: Mapping[str, str]) -> str:
    """Say in a sentence or two what wrote a pickle, what is here instead, and what would load it."""
    here = {name: _version_here(name) for name in written}
    said = f"It was written by {_listed(written)}"
    differing = {name: version for name, version in written.items() if here[name] != version}
    if not differing:
        return f"{said}, as are here."
    others = [name for name in differing if name != "python"]
    wanted = f"pip install {' '.join(f'{name}=={differing[name]}' for name in others)}" if others else ""
    under = f"under Python {written['python']}" if "python" in differing else ""
    remedy = " ".join(part for part in (wanted, under) if part)
    return (
        f"{said}; here is {_listed({name: here[name] or 'not installed' for name in differing})}. "
        f"An environment with those versions loads it{f': {remedy}' if remedy else ''}."
    )


def _version_here(name: str) -> str | None:
    if name == "python":
        return _python()
    import importlib  # only who could not load a value gets here

    try:
        version = getattr(importlib.import_module(name), "__version__", None)
    except Exception:  # a broken library is as good as none
        return None
    return version if isinstance(version, str) else None


def _python() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{'Python' if name == 'python' else name} {version}" for name, version in versions.items())
