"""Names: what a code object looks up, read from its instructions.

Instructions, not source, because they are what runs: they exist in a REPL, under ``python -c`` and after the file was
edited.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from types import CodeType


@dataclass(frozen=True, slots=True)
class Lookup:
    """A name that is read, and the attributes read from it at once: ``helpers.math.scale`` → ``("math", "scale")``."""

    #: ``global`` (module, then builtins), ``free`` (closure), ``import`` (a module imported within the function).
    scope: str
    name: str
    attributes: tuple[str, ...] = ()
    #: The only argument, where it is a literal and the name is called at once: ``import_module("helpers")``.
    literal: str | None = None
    #: Of an import: number of leading dots.
    level: int = 0
    #: Of an import: the module that ``attributes`` are read from; ``import a.b`` binds ``a``.
    base: str = ""


_ATTRIBUTE = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_GLOBAL = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_FREE = frozenset({"LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"})
_LOCAL = frozenset({"LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW", "LOAD_FAST_AND_CLEAR"})
_STORE = frozenset({"STORE_FAST", "STORE_DEREF", "STORE_NAME", "STORE_GLOBAL"})
_NOISE = frozenset({"EXTENDED_ARG", "CACHE", "PUSH_NULL", "PRECALL", "NOP", "RESUME"})
_CALLS = frozenset({"CALL", "CALL_FUNCTION", "CALL_METHOD"})

#: Module, leading dots, module whose attributes are read, attributes.
Import = tuple[str, int, str, tuple[str, ...]]


@lru_cache(maxsize=8192)
def lookups(code: CodeType) -> tuple[Lookup, ...]:
    """Everything that ``code`` and the code nested in it look up, in the order of the instructions, without repeats."""
    found: dict[Lookup, None] = {}
    _scan(code, found, {})
    return tuple(found)


@lru_cache(maxsize=8192)
def mentions(code: CodeType) -> frozenset[str]:
    """Attribute names, and texts that could serve as attribute names, in ``code`` and the code nested in it."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, str):
            found.add(constant)
        elif isinstance(constant, CodeType):
            found |= mentions(constant)
    return frozenset(found)


def _scan(code: CodeType, found: dict[Lookup, None], outer: dict[str, list[Import]]) -> None:
    import dis

    instructions = [(item.opname, item.argval) for item in dis.get_instructions(code) if item.opname not in _NOISE]
    imported = _imports(code, instructions, found)
    known = {name: [*outer.get(name, ()), *imported.get(name, ())] for name in {*outer, *imported}}
    for position, (operation, value) in enumerate(instructions):
        if operation in _GLOBAL and not (operation == "LOAD_NAME" and value == "__name__"):
            attributes, literal = _chain(instructions, position + 1)
            found.setdefault(Lookup("global", str(value), attributes, literal))
        if operation in _FREE or operation in _LOCAL or operation in _GLOBAL:
            _load(str(value), instructions, position, operation in _FREE and value in code.co_freevars, known, found)
        elif operation.startswith("LOAD_FAST") and isinstance(value, tuple):  # two loads in one instruction
            for name in value[:-1]:
                _imported(known.get(str(name), ()), (), found)
            _load(str(value[-1]), instructions, position, False, known, found)
        elif operation == "STORE_FAST_LOAD_FAST" and isinstance(value, tuple):
            _load(str(value[-1]), instructions, position, False, known, found)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _scan(constant, found, known)


def _load(
    name: str,
    instructions: list[tuple[str, object]],
    position: int,
    free: bool,
    known: dict[str, list[Import]],
    found: dict[Lookup, None],
) -> None:
    """A variable is read: note what was imported into it, and its place in the closure."""
    attributes, literal = _chain(instructions, position + 1)
    _imported(known.get(name, ()), attributes, found)
    if free:
        found.setdefault(Lookup("free", name, attributes, literal))


def _imported(imports: list[Import] | tuple[()], attributes: tuple[str, ...], found: dict[Lookup, None]) -> None:
    for module, level, base, path in imports:
        found.setdefault(Lookup("import", module, (*path, *attributes), level=level, base=base))


def _chain(instructions: list[tuple[str, object]], position: int) -> tuple[tuple[str, ...], str | None]:
    """Attributes read one after the other from ``position`` on, and the literal that is then passed to a call."""
    attributes = []
    while position < len(instructions) and instructions[position][0] in _ATTRIBUTE:
        attributes.append(str(instructions[position][1]))
        position += 1
    literal = None
    if position + 1 < len(instructions) and instructions[position][0] == "LOAD_CONST":
        value = instructions[position][1]
        if isinstance(value, str) and instructions[position + 1][0] in _CALLS:
            literal = value
    return tuple(attributes), literal


def _imports(
    code: CodeType, instructions: list[tuple[str, object]], found: dict[Lookup, None]
) -> dict[str, list[Import]]:
    """Variables that are bound by an import here. An import bound elsewhere is looked up as a whole."""
    bound: dict[str, list[Import]] = {}
    for position, (operation, value) in enumerate(instructions):
        if operation != "IMPORT_NAME":
            continue
        module = str(value)
        level = instructions[position - 2][1] if position >= 2 else 0
        depth = level if isinstance(level, int) else 0
        selected = position >= 1 and instructions[position - 1][1] is not None
        base = module if selected else module.partition(".")[0]
        for path, name in _targets(instructions, position + 1):
            if name is not None and _is_read(name, code):
                bound.setdefault(name, []).append((module, depth, base, path))
            else:
                found.setdefault(Lookup("import", module, path, level=depth, base=base))
    return bound


def _is_read(name: str, code: CodeType) -> bool:
    """Whether a variable bound here is read again; if not, the import was made for what importing does."""
    import dis

    for item in dis.get_instructions(code):
        if item.opname.startswith("LOAD_") and item.opname not in ("LOAD_CONST", "LOAD_CLOSURE"):
            if item.argval == name or (isinstance(item.argval, tuple) and name in item.argval):
                return True
        if item.opname == "STORE_FAST_LOAD_FAST" and isinstance(item.argval, tuple) and name == item.argval[-1]:
            return True
    return any(isinstance(inner, CodeType) and _is_read(name, inner) for inner in code.co_consts)


def _targets(instructions: list[tuple[str, object]], position: int) -> list[tuple[tuple[str, ...], str | None]]:
    """Which attribute of the imported module goes into which variable; an absent variable is a use as a whole."""
    targets: list[tuple[tuple[str, ...], str | None]] = []
    path: tuple[str, ...] = ()
    while position < len(instructions):
        operation, value = instructions[position]
        if operation == "IMPORT_FROM":
            path = (*path, str(value))
        elif operation in _STORE:
            targets.append((path, str(value)))
            path = ()
            following = instructions[position + 1][0] if position + 1 < len(instructions) else ""
            if following != "IMPORT_FROM":
                break
        elif operation not in ("SWAP", "POP_TOP", "ROT_TWO", "COPY"):
            targets.append((path, None))
            break
        position += 1
    return targets
