"""Source and bytecode: the normalised text of a code object.

A file may have been edited since the function was compiled, so source is trusted only if compiling it gives the code
that runs. Otherwise the bytecode speaks, together with the version of Python that it belongs to.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ast

_HAS_DOCSTRING = 0x4000000  # CO_HAS_DOCSTRING, Python 3.13


def constant_token(value: object) -> object:
    """Type-tagged form of a compiler constant, the same in every process."""
    if isinstance(value, CodeType):
        return skeleton(value)
    if isinstance(value, tuple):
        return ["tuple", [constant_token(item) for item in value]]
    if isinstance(value, frozenset):  # its order follows string hashes, which differ between processes
        return ["frozenset", sorted(repr(constant_token(item)) for item in value)]
    return [type(value).__name__, repr(value)]


def _has_docstring(code: CodeType) -> bool:
    if code.co_name.startswith("<") or not code.co_consts or not isinstance(code.co_consts[0], str):
        return False
    if sys.version_info >= (3, 13):
        return bool(code.co_flags & _HAS_DOCSTRING)
    return bool(code.co_flags & 0x2)  # CO_NEWLOCALS: a function; the compiler puts its docstring, or None, first


def skeleton(code: CodeType, *, docs: bool = True) -> list[object]:
    """Everything that a code object does, without file, lines and addresses."""
    constants = list(code.co_consts)
    flags = code.co_flags
    if not docs and _has_docstring(code):
        constants[0] = None
        flags &= ~_HAS_DOCSTRING
    return [
        code.co_name,
        [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, flags],
        code.co_code.hex(),
        [skeleton(item, docs=docs) if isinstance(item, CodeType) else constant_token(item) for item in constants],
        [code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars],
        getattr(code, "co_exceptiontable", b"").hex(),
    ]


def bytecode_text(code: CodeType) -> str:
    """Readable instructions, without offsets and addresses, to show what changed."""
    import dis

    lines = [f"# {code.co_qualname}"]
    nested = []
    for instruction in dis.get_instructions(code):
        value = instruction.argval
        if isinstance(value, CodeType):
            nested.append(value)
            value = f"<code {value.co_name}>"
        elif isinstance(value, frozenset):
            value = sorted(map(repr, value))
        if instruction.opcode in dis.hasjrel or instruction.opcode in dis.hasjabs:
            value = ""
        lines.append(f"{instruction.opname} {value if isinstance(value, str) else repr(value)}".rstrip())
    return "\n".join(lines + [bytecode_text(inner) for inner in nested])


class _File:
    """A parsed file: its functions by the line they start on, and their compiled code."""

    def __init__(self, text: str, name: str) -> None:
        import ast

        tree = ast.parse(text)
        self.definitions: dict[tuple[int, str], list[ast.AST]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                line = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                self.definitions.setdefault((line, node.name), []).append(node)
            elif isinstance(node, ast.Lambda):
                self.definitions.setdefault((node.lineno, "<lambda>"), []).append(node)
        self.codes: dict[str, list[CodeType]] = {}
        for code in _inner(compile(text, name, "exec", dont_inherit=True)):
            self.codes.setdefault(code.co_qualname, []).append(code)

    def find(self, code: CodeType) -> ast.AST | None:
        """The definition that compiles to ``code``, if there is one beyond doubt."""
        wanted = skeleton(code)
        for candidate in self.codes.get(code.co_qualname, ()):
            if skeleton(candidate) == wanted:
                nodes = self.definitions.get((candidate.co_firstlineno, code.co_name), [])
                if len(nodes) == 1:
                    return nodes[0]
        return None


def _inner(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _inner(constant)


@lru_cache(maxsize=256)
def _parsed(text: str, name: str) -> _File | None:
    try:
        return _File(text, name)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def source_of(code: CodeType, is_own: Callable[[str], bool], *, docs: bool) -> str | None:
    """Normalised source of ``code``, or ``None`` if there is none that compiles to it.

    ``is_own`` tells for the root name of a decorator (``step``, ``runlore``) whether it is one of runlore's.
    """
    import linecache

    linecache.checkcache(code.co_filename)
    text = "".join(linecache.getlines(code.co_filename))
    parsed = _parsed(text, code.co_filename) if text else None
    node = parsed.find(code) if parsed is not None else None
    return None if node is None else _normalised(node, is_own, docs)


def _normalised(node: Any, is_own: Callable[[str], bool], docs: bool) -> str:
    import ast
    import copy

    node = copy.deepcopy(node)
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            inner.decorator_list = [item for item in inner.decorator_list if not is_own(_root_name(item))]
        if not docs and isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner.body = _without_docstring(inner.body)
    return ast.unparse(node)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    import ast

    first = body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return body[1:] or [ast.Pass()]
    return body


def _root_name(expression: Any) -> str:
    import ast

    while isinstance(expression, ast.Call | ast.Attribute):
        expression = expression.func if isinstance(expression, ast.Call) else expression.value
    return expression.id if isinstance(expression, ast.Name) else ""
