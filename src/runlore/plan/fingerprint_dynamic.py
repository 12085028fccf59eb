"""Dynamic look-ups: what reaches code that no analysis beforehand can name."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from runlore.plan.fingerprint_watch import MISSING

#: Callables that reach anything at all, by module and name.
UNKNOWABLE = frozenset(
    {("builtins", name) for name in ("eval", "exec", "compile", "globals", "__import__")}
    | {("importlib", "import_module"), ("importlib", "reload"), ("importlib", "__import__")}
    | {("runpy", "run_path"), ("runpy", "run_module")}
)
#: Modules that hold them. They are looked into even where a function imports them itself.
DYNAMIC_MODULES = frozenset({"builtins", "importlib", "runpy", "sys"})
#: Attributes that lead from any function or frame to everything around it.
NAMESPACES = frozenset({"__globals__", "f_globals", "f_builtins", "f_locals"})


@dataclass(frozen=True, slots=True)
class NotImported:
    """An installed module that a function imports; its version is known without importing it now."""

    module: str


def installed_member(subject: Any, attributes: list[str]) -> Any:
    """What attributes of an installed module lead to, without running anything; else the module itself."""
    found = subject
    for attribute in attributes:
        if not isinstance(found, ModuleType):
            break
        found = vars(found).get(attribute, MISSING)
    return subject if found is MISSING else found
