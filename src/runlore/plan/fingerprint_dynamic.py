"""Dynamic look-ups: what reaches code that no analysis beforehand can name."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from types import FunctionType, MethodType, ModuleType
from typing import Any

from runlore.plan.fingerprint_origin import origin_of_module
from runlore.plan.fingerprint_watch import MISSING, Watch

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
#: What reads the text of code, comments included.
SOURCES = frozenset({"getsource", "getsourcelines", "getcomments"})


@dataclass(frozen=True, slots=True)
class NotImported:
    """An installed module that a function imports; its version is known without importing it now."""

    module: str


def installed_member(subject: Any, attributes: list[str], watch: Watch) -> Any:
    """What attributes of an installed module lead to, without running anything; else the module itself."""
    found = sys.modules.get(subject.module, subject) if isinstance(subject, NotImported) else subject
    for attribute in attributes:
        if not isinstance(found, ModuleType):
            break
        found = watch.lookup(vars(found), attribute)
    return subject if found is MISSING else found


def is_projects(subject: Any) -> bool:
    """Whether a callable is the project's beyond doubt: what it put into an installed module or class itself."""
    if isinstance(subject, functools.partial):
        return is_projects(subject.func)
    if isinstance(subject, MethodType | staticmethod | classmethod):
        return is_projects(subject.__func__)
    if isinstance(subject, property):
        return is_projects(subject.fget)
    if isinstance(subject, FunctionType):
        name = subject.__globals__.get("__name__")
    else:
        name = (subject if isinstance(subject, type) else type(subject)).__module__
    if not isinstance(name, str) or name not in sys.modules or origin_of_module(name) != "project":
        return False
    # modules that compilers make up for their types have no file
    return isinstance(subject, FunctionType) or name == "__main__" or hasattr(sys.modules[name], "__file__")


def is_patched(member: Any) -> bool:
    """Whether the project put itself in the place of something installed, or into it."""
    return bool(patches(member)) if isinstance(member, type) and not is_projects(member) else is_projects(member)


def patches(cls: type) -> list[str]:
    """Names of what the project put into an installed class."""
    kinds = (FunctionType, staticmethod, classmethod, property)
    return sorted(name for name, item in vars(cls).items() if isinstance(item, kinds) and is_projects(item))
