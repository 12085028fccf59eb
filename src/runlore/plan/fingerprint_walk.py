"""Walk: from a function to everything of the project that it reaches, as a numbered graph of tokens.

Functions, classes and modules are *nodes*: they may refer to each other in circles, so a token names one by the number
that it got when first met. The walk is breadth first and in the order of the instructions, hence the numbers, and with
them the digest, are the same in every process. Values are written out in place.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import importlib.util
import sys
import types
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CodeType, FunctionType, ModuleType
from typing import Any

from runlore.plan import fingerprint_values as values
from runlore.plan.fingerprint_dynamic import (
    DYNAMIC_MODULES,
    NAMESPACES,
    SOURCES,
    UNKNOWABLE,
    NotImported,
    installed_member,
    is_patched,
    patches,
)
from runlore.plan.fingerprint_names import Lookup, lookups, mentions
from runlore.plan.fingerprint_origin import (
    PYTHON,
    RUNLORE,
    origin_of,
    origin_of_module,
    top_level,
    version_of,
    version_of_extension,
)
from runlore.plan.fingerprint_source import bytecode_text, skeleton, source_of
from runlore.plan.fingerprint_watch import MISSING, Watch

#: A token is JSON: lists and strings.
Token = Any

_MODULE_NAMES = frozenset(
    "__name__ __file__ __builtins__ __doc__ __annotations__ __loader__ __spec__ __cached__ __package__ __path__ "
    "__warningregistry__ __dict__ __all__".split()
)
_DOC_READERS = frozenset({"__doc__", "getdoc"})


class Uncacheable(Exception):
    """Something is reached whose identity cannot be told. The message is the reason."""


@dataclass(slots=True)
class Found:
    """One node, or one constant, for people to read."""

    name: str
    kind: str
    text: Token


@dataclass(slots=True)
class Walk:
    """State of one walk."""

    #: Docstrings count, because reached code reads them.
    docs: bool = False
    #: Subclasses of reached classes count, because reached code asks for them.
    subclasses: bool = False
    nodes: list[Token] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    packages: dict[str, str] = field(default_factory=dict)
    watch: Watch = field(default_factory=Watch)
    mentioned: set[str] = field(default_factory=set)
    _numbers: dict[int, int] = field(default_factory=dict)
    _kept: list[object] = field(default_factory=list)
    _queue: deque[Callable[[], None]] = field(default_factory=deque)
    #: Ids of the containers and instances that are being written out, outermost first.
    _open: dict[int, int] = field(default_factory=dict)

    def run(self, subject: object) -> Token:
        """Walk everything that ``subject`` reaches and return its token."""
        token = self.token(subject, "the step")
        while self._queue:
            self._queue.popleft()()
        return token

    # -- nodes

    def _node(self, subject: object, label: str, describe: Callable[[int], None]) -> Token:
        number = self._numbers.get(id(subject))
        if number is None:
            number = self._numbers[id(subject)] = len(self.nodes)
            self._kept.append(subject)
            self.nodes.append(None)
            taken = sum(1 for other in self.labels if other.partition("#")[0] == label)
            self.labels.append(label if not taken else f"{label}#{taken + 1}")
            self._queue.append(lambda: describe(number))
        return ["node", number]

    def _installed(self, module: str, name: str) -> Token:
        """Something installed: known by its place and the version of its package."""
        if (module, name) in UNKNOWABLE:
            raise Uncacheable(f"{module}.{name} is reached as a value, so the code that runs is not known beforehand")
        origin = origin_of_module(module)
        if origin == RUNLORE:
            return ["runlore", module, name]
        if module == "builtins":
            return ["builtin", name]
        if origin == "project":  # compiled: there is nothing to look into
            version = self.packages.setdefault(module, version_of_extension(module))
            return ["extension", module, version, name]
        top = PYTHON if origin == PYTHON else top_level(module)
        version = self.packages.setdefault(top, version_of(top))
        return ["installed", top, version, module, name]

    # -- any object

    def token(self, subject: Any, where: str) -> Token:
        """Identity of ``subject``; ``where`` tells a person how it was reached."""
        plain = values.plain(subject)
        if plain is not None:
            return plain
        if isinstance(subject, FunctionType):
            return self._function(subject)
        if isinstance(subject, ModuleType):
            return self._module(subject)
        if isinstance(subject, type):
            return self._class(subject)
        if isinstance(subject, CodeType):
            return ["code", skeleton(subject), sys.implementation.cache_tag]
        return self._compound(subject, where)

    def _compound(self, subject: Any, where: str) -> Token:
        if subject is sys.modules:
            raise Uncacheable(f"{where} is sys.modules, so what is reached is not known beforehand")
        if id(subject) in self._open:
            return ["again", len(self._open) - self._open[id(subject)]]
        self._open[id(subject)] = len(self._open)
        self._kept.append(subject)
        try:
            return self._callable(subject, where) or self._container(subject, where) or self._instance(subject, where)
        finally:
            del self._open[id(subject)]

    def _callable(self, subject: Any, where: str) -> Token:
        """Wrappers that hold a function: the function counts, and what is bound to it."""
        if str(type(subject).__module__).startswith("runlore.") and isinstance(
            getattr(subject, "function", None), FunctionType
        ):
            self.watch.attribute(subject, "function")
            return self.token(subject.function, where)
        if isinstance(subject, types.MethodType):
            return ["method", self.token(subject.__func__, where), self.token(subject.__self__, where)]
        if isinstance(subject, functools.partial):
            self.watch.attribute(subject, "func")
            self.watch.attribute(subject, "args")
            state = [subject.func, list(subject.args), subject.keywords]
            return ["partial", *(self.token(part, where) for part in state), self._state(subject, where)]
        if isinstance(subject, staticmethod | classmethod):
            return [type(subject).__name__, self.token(subject.__func__, where)]
        if isinstance(subject, property):
            return ["property", *(self.token(part, where) for part in (subject.fget, subject.fset, subject.fdel))]
        if isinstance(subject, types.BuiltinFunctionType | types.MethodWrapperType):
            return self._builtin(subject, where)
        if isinstance(subject, types.WrapperDescriptorType | types.MethodDescriptorType):
            return ["descriptor", self.token(subject.__objclass__, where), subject.__name__]
        if isinstance(subject, types.GetSetDescriptorType | types.MemberDescriptorType):
            return ["slot", subject.__name__]
        return self._wrapped(subject, where)

    def _builtin(self, subject: Any, where: str) -> Token:
        owner = getattr(subject, "__self__", None)
        if owner is None or isinstance(owner, ModuleType):
            return self._installed(subject.__module__ or "builtins", subject.__name__)
        return ["bound", subject.__name__, self.token(owner, where)]

    def _wrapped(self, subject: Any, where: str) -> Token:
        """Compiled wrappers (``lru_cache``, numba): the Python function within, and the package that wraps."""
        compiled = type(subject).__name__ in ("cython_function_or_method", "cyfunction")
        if not compiled and origin_of_module(values.module_of(type(subject))) == "project":
            return None
        place = values.place_of(subject)
        if place is not None and origin_of_module(place[0]) != "project" and callable(subject):
            return self._installed(*place)
        inner = getattr(subject, "py_func", None)
        if not isinstance(inner, FunctionType):
            inner = subject.__wrapped__ if isinstance(subject, functools._lru_cache_wrapper) else None
        if inner is None:
            return None
        return ["wrapped", self._class(type(subject)), self.token(inner, where)]

    def _container(self, subject: Any, where: str) -> Token:
        kind = type(subject)
        if kind in (list, tuple):
            self.watch.sequence(subject)
            return [kind.__name__, [self.token(item, where) for item in subject]]
        if kind is dict and "__builtins__" in subject:  # the globals of a module, held by a library
            return ["namespace", self._namespace(subject, where)]
        if kind is dict or kind is types.MappingProxyType:
            self.watch.mapping(subject)
            pairs = [[self.token(key, where), self.token(item, where)] for key, item in list(subject.items())]
            return [kind.__name__, pairs]
        if kind in (set, frozenset):
            self.watch.members(subject)
            ordered = sorted(subject, key=values.order)
            return [kind.__name__, sorted((self.token(item, where) for item in ordered), key=repr)]
        return None

    def _instance(self, subject: Any, where: str) -> Token:
        kind = type(subject)
        if isinstance(subject, weakref.ReferenceType):
            self.watch.volatile = True
            return ["weak", self.token(subject(), where)]
        if values.by_type_alone(subject):
            return ["type alone", kind.__module__, kind.__qualname__]
        array = values.array(subject)
        if array is not None:
            values.tell_of_large(subject, where)
            if array == "objects":
                self.watch.volatile = True
                return ["array", str(subject.shape), self.token(subject.tolist(), where)]
            self.watch.array(subject, array)
            return ["array", *array]
        cls = self.token(kind, where)
        return ["instance", cls, self._state(subject, where)]

    def _state(self, subject: Any, where: str) -> Token:
        """What an instance holds: its attributes if its class is the project's, else what pickling would take."""
        kind = type(subject)
        if isinstance(subject, functools.partial):
            return self.token(dict(vars(subject)), where)
        if origin_of_module(values.module_of(kind)) == "project" and not isinstance(subject, BaseException):
            state = values.own_state(subject)
            if state is not None:
                self.watch.instance(subject)
                return [[name, self.token(item, f"{where}.{name}")] for name, item in state]
        reduced = values.reduced(subject)
        if reduced is None:
            raise Uncacheable(f"{where} is a {kind.__module__}.{kind.__qualname__}, whose content has no identity")
        if not values.is_immutable(subject):
            self.watch.volatile = True
        return [self.token(part, where) for part in reduced]

    # -- functions

    def _function(self, subject: FunctionType) -> Token:
        module = str(subject.__globals__.get("__name__", ""))
        if origin_of_module(module) != "project":
            return self._installed_function(subject, module)
        return self._node(subject, values.label_of(subject), lambda number: self._describe_function(subject, number))

    def _installed_function(self, subject: FunctionType, module: str) -> Token:
        """A function of a package is known by its place; one made by a package around ours has to be looked into."""
        place = values.place_of(subject)  # under its decorated name, the package's own wrappers included
        if place is not None and origin_of_module(place[0]) != "project":
            return self._installed(*place)
        name = subject.__code__.co_qualname
        token = self._installed(module, f"{name}:{subject.__code__.co_firstlineno}")  # lambdas share a name
        if "<locals>" not in name and name != "<lambda>" and not hasattr(subject, "__wrapped__"):
            return token
        return self._node(
            subject, values.label_of(subject), lambda number: self._describe_wrapper(subject, token, number)
        )

    def _describe_wrapper(self, subject: FunctionType, token: Token, number: int) -> None:
        where = self.labels[number]
        self.watch.function(subject)
        registry = getattr(subject, "registry", None)
        if isinstance(registry, types.MappingProxyType) and hasattr(subject, "dispatch"):  # functools.singledispatch
            self.watch.mapping(registry)
            pairs = sorted(((values.order(key), key, item) for key, item in registry.items()), key=lambda pair: pair[0])
            inner = [[self.token(key, where), self.token(item, where)] for _, key, item in pairs]
            self.nodes[number] = ["dispatch", token, inner]
            return
        parts = [[name, self.token(cell, where)] for name, cell in self._cells(subject)]
        defaults = self.token([subject.__defaults__, subject.__kwdefaults__], where)
        wrapped = self.token(getattr(subject, "__wrapped__", None), where)
        self.nodes[number] = ["wrapper", token, parts, defaults, wrapped]

    def _cells(self, subject: FunctionType) -> list[tuple[str, object]]:
        found: list[tuple[str, object]] = []
        for name, cell in zip(subject.__code__.co_freevars, subject.__closure__ or (), strict=False):
            self.watch.cell(cell)
            try:
                found.append((name, cell.cell_contents))
            except ValueError:  # not assigned yet
                found.append((name, MISSING))
        return found

    def _describe_function(self, subject: FunctionType, number: int) -> None:
        code = subject.__code__
        self.watch.function(subject)
        where = self.labels[number]
        mentioned = mentions(code)
        self.mentioned |= mentioned
        for name in sorted(mentioned & NAMESPACES):
            raise Uncacheable(f"{where} reads {name}, so what it reaches is not known beforehand")
        for name in sorted(mentioned & SOURCES):
            raise Uncacheable(f"{where} uses {name}, so comments and layout may count, which are not looked at")
        text, body = self._body(subject)
        edges = self._edges(subject, where)
        defaults = self._part(f"{where}(defaults)", [subject.__defaults__, subject.__kwdefaults__])
        attributes = {name: item for name, item in vars(subject).items() if not name.startswith("__pydantic")}
        notes = self._annotations(subject.__annotations__, subject.__globals__, where)
        self.nodes[number] = ["function", body, edges, defaults, self._part(f"{where}(attributes)", attributes), notes]
        self.found.append(Found(where, "function", text))

    def _part(self, name: str, value: Any) -> Token:
        token = self.token(value, name)
        if value and any(value):
            self.found.append(Found(name, "constant", token))
        return token

    def _body(self, subject: FunctionType) -> tuple[str, Token]:
        """Text to show, and token."""
        code = subject.__code__

        def is_own(name: str) -> bool:
            thing = subject.__globals__.get(name)
            module = thing.__name__ if isinstance(thing, ModuleType) else getattr(thing, "__module__", None)
            return isinstance(module, str) and top_level(module) == RUNLORE

        source = source_of(code, is_own, docs=self.docs)
        if source is not None:
            return source, ["source", source]
        version = str(sys.implementation.cache_tag)
        return bytecode_text(code), ["bytecode", version, skeleton(code, docs=self.docs)]

    def _annotations(self, notes: Any, namespace: dict[str, Any], where: str) -> Token:
        """Project classes that annotations name: libraries build values from them."""
        found = []
        for note in list(notes.values()) if isinstance(notes, dict) else []:
            for cls in values.classes_in(note, namespace):
                if origin_of_module(values.module_of(cls)) == "project":
                    found.append(self.token(cls, where))
        return found

    # -- names

    def _edges(self, subject: FunctionType, where: str) -> Token:
        free = dict(self._cells(subject))
        edges = []
        for lookup in lookups(subject.__code__):
            if lookup.scope == "free":
                if lookup.name not in free:
                    continue
                start = free[lookup.name]
            elif lookup.scope == "import":
                start = self._import(lookup, subject)
            else:
                start = self.watch.lookup(subject.__globals__, lookup.name)
                if start is MISSING:
                    start = self.watch.lookup(vars(builtins), lookup.name)
            token = self._resolve(start, lookup, subject, where)
            edges.append([lookup.scope, lookup.name, list(lookup.attributes), token])
        return edges

    def _resolve(self, subject: Any, lookup: Lookup, function: FunctionType, where: str) -> Token:
        path = lookup.name
        rest = list(lookup.attributes)
        while rest and isinstance(subject, ModuleType) and origin_of(subject) == "project":
            path = f"{path}.{rest[0]}"
            subject = self._member(subject, rest.pop(0))
        if subject is MISSING:
            return ["missing"]
        member = installed_member(subject, rest, self.watch)
        special = self._dynamic(member, lookup, function, where)
        if special is not None:
            return special
        if member is not subject and is_patched(member):  # the project replaced what is installed
            subject = member
        label = f"{function.__globals__.get('__name__', '')}.{path}"
        token = self.token(subject, f"`{path}` in {where}")
        if values.is_constant(token) and not any(other.name == label for other in self.found):
            self.found.append(Found(label, "constant", token))
        return token

    def _member(self, module: ModuleType, name: str) -> Any:
        """Attribute of a project module, without running its ``__getattr__``; that one makes the module count whole."""
        member = self.watch.lookup(vars(module), name)
        if member is not MISSING:
            return member
        submodule = sys.modules.get(f"{module.__name__}.{name}")
        if submodule is not None:
            return submodule
        if name in dir(ModuleType):  # such as __dict__
            return module
        return module if "__getattr__" in vars(module) else MISSING

    def _import(self, lookup: Lookup, function: FunctionType) -> Any:
        """The module that an import within a function will find. The project's own are imported now, to see them."""
        package = function.__globals__.get("__package__") or function.__globals__.get("__name__", "")
        name = "." * lookup.level + lookup.name
        try:
            absolute = importlib.util.resolve_name(name, str(package)) if lookup.level else name
            if origin_of_module(absolute) != "project" and top_level(absolute) not in DYNAMIC_MODULES:
                return NotImported(absolute if lookup.base == lookup.name else top_level(absolute))
            module = importlib.import_module(absolute)
            if lookup.base != lookup.name:
                module = sys.modules[lookup.base]
        except Exception:  # an optional dependency of the user's: absent is a fact, and importing may raise anything
            self.watch.volatile = True
            return MISSING
        for attribute in lookup.attributes[:1]:
            if attribute not in vars(module):
                self._submodule(module, attribute)
        return module

    def _submodule(self, module: ModuleType, name: str) -> None:
        """``from package import module`` imports the module if it is one."""
        import contextlib

        if hasattr(module, "__path__"):
            with contextlib.suppress(Exception):
                importlib.import_module(f"{module.__name__}.{name}")

    def _dynamic(self, subject: Any, lookup: Lookup, function: FunctionType, where: str) -> Token:
        """Look-ups that no analysis can follow: a whole module, or no identity at all."""
        if isinstance(subject, NotImported):
            return self._installed(subject.module, "")
        dotted = ".".join((lookup.name, *lookup.attributes))
        if subject is sys.modules:
            raise Uncacheable(f"{where} reads sys.modules, so what it reaches is not known beforehand")
        if subject is builtins.globals:
            module = sys.modules.get(str(function.__globals__.get("__name__")))
            if module is None or vars(module) is not function.__globals__:
                return ["namespace", self._namespace(function.__globals__, where)]
            return self._module(module)
        if subject is builtins.__import__ or subject is importlib.import_module:
            if lookup.literal is None:
                raise Uncacheable(f"{where} calls {dotted} with a computed name, so what it imports is not known")
            return self._import_literal(lookup.literal, function, where)
        place = (getattr(subject, "__module__", None), getattr(subject, "__name__", None))
        if isinstance(subject, FunctionType | types.BuiltinFunctionType) and place in UNKNOWABLE:
            raise Uncacheable(f"{where} calls {dotted}, so the code that runs is not known beforehand")
        return None

    def _import_literal(self, name: str, function: FunctionType, where: str) -> Token:
        level = len(name) - len(name.lstrip("."))
        lookup = Lookup("import", name.lstrip("."), (), level=level, base=name.lstrip("."))
        found = self._import(lookup, function)
        if isinstance(found, NotImported):
            return self._installed(found.module, "")
        return ["missing"] if found is MISSING else self.token(found, where)

    # -- modules and classes

    def _module(self, subject: ModuleType) -> Token:
        if origin_of(subject) != "project":
            return self._installed(subject.__name__, "")
        return self._node(subject, f"module {subject.__name__}", lambda number: self._describe_module(subject, number))

    def _describe_module(self, subject: ModuleType, number: int) -> None:
        self.nodes[number] = ["module", self._namespace(vars(subject), self.labels[number])]

    def _namespace(self, namespace: dict[str, Any], where: str) -> Token:
        self.watch.mapping(namespace)
        parts = []
        for name in sorted(name for name in namespace if name not in _MODULE_NAMES):
            token = self.token(namespace[name], f"`{name}` in {where}")
            if values.is_constant(token):
                self.found.append(Found(f"{where}.{name}", "constant", token))
            parts.append([name, token])
        return parts

    def _class(self, subject: type) -> Token:
        module = values.module_of(subject)
        if origin_of_module(module) != "project" and not values.made_by_factory(subject, module):
            token = self._installed(module, subject.__qualname__)
            self.watch.size(vars(subject))
            patched = [(name, self.watch.lookup(vars(subject), name)) for name in patches(subject)]
            return ["patched", token, [[n, self.token(item, n)] for n, item in patched]] if patched else token
        return self._node(subject, values.label_of(subject), lambda number: self._describe_class(subject, number))

    def _describe_class(self, subject: type, number: int) -> None:
        where = self.labels[number]
        self.watch.mapping(vars(subject))
        self.watch.attribute(subject, "__bases__")
        self.watch.volatile |= self.subclasses  # a new subclass leaves no trace here
        if "_abc_impl" in vars(subject):
            self.watch.registrations()
        attributes = []
        for name, item in values.class_attributes(subject, docs=self.docs):
            token = self.token(item, f"{where}.{name}")
            if values.is_constant(token):
                self.found.append(Found(f"{where}.{name}", "constant", token))
            attributes.append([name, token])
        bases = [self.token(base, where) for base in subject.__bases__]
        meta = self.token(type(subject), where)
        space = vars(sys.modules.get(values.module_of(subject), builtins))
        notes = vars(subject).get("__annotations__", {})
        texts = [[name, values.note_text(note)] for name, note in notes.items()]
        known = self._annotations(notes, space, where)
        heirs: list[type] = sorted(subject.__subclasses__(), key=values.order) if self.subclasses else []
        below = [self.token(heir, where) for heir in heirs]
        self.nodes[number] = ["class", subject.__name__, bases, meta, attributes, texts, known, below]
        self.found.append(Found(where, "class", ["class", subject.__name__, bases, texts]))


def walk(subject: object) -> tuple[Walk, Token]:
    """Walk ``subject``; again with docstrings or subclasses, if code that it reaches asks for them."""
    walked = Walk()
    token = walked.run(subject)
    docs, subclasses = bool(walked.mentioned & _DOC_READERS), "__subclasses__" in walked.mentioned
    while (docs, subclasses) != (walked.docs, walked.subclasses):
        walked = Walk(docs=docs, subclasses=subclasses)
        token = walked.run(subject)
        docs = docs or bool(walked.mentioned & _DOC_READERS)
        subclasses = subclasses or "__subclasses__" in walked.mentioned
    return walked, token
