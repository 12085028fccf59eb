"""Fingerprints within one process: kept while nothing changes, renewed as soon as something does; and differences."""

from __future__ import annotations

import builtins
import sys
import textwrap
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from runlore.plan.difference import StepFacts, definition_body, differences, parts_of
from runlore.plan.fingerprint import class_fingerprint, fingerprint, value_fingerprint
from runlore.plan.fingerprint_origin import origin_of_module, version_of, version_of_extension

PROGRAM = """
import numpy as np

RATE = 1
TABLE = {"a": [1, 2]}
WEIGHTS = np.zeros(3)
NAMES = {"x"}

class Other:
    def score(self, x):
        return x

class Model:
    power = 2
    def score(self, x):
        return x ** self.power

MODEL = Model()

def helper(x, k=1, *, q=2):
    return np.abs(x) * RATE * k

def make(n):
    def inner(x):
        return x + n
    def move(to):
        nonlocal n
        n = to
    return inner, move

inner, move = make(1)

import abc, functools, textwrap
from fractions import Fraction

class Shape(abc.ABC):
    pass

bound = functools.partial(helper, 3, k=[1])

@functools.singledispatch
def kind(x):
    return 0

def step(x):
    first = helper(x), TABLE, WEIGHTS, NAMES, MODEL.score(x), inner(x), missing
    return first, bound(x), kind(x), isinstance(x, Shape), corpus_name, textwrap.indent(x, ""), Fraction(1).anything()
"""


@pytest.fixture
def work() -> ModuleType:
    """A module as a notebook has it: typed in, and about to be changed in place."""
    module = ModuleType("worked_in_place")
    exec(compile(PROGRAM, "<typed>", "exec", dont_inherit=True), vars(module))
    return module


def _redefine(work: ModuleType) -> None:
    exec("def helper(x, k=1, *, q=2):\n    return x", vars(work))


CHANGES: dict[str, Callable[[Any], object]] = {
    "constant": lambda work: setattr(work, "RATE", 2),
    "constant of another type": lambda work: setattr(work, "RATE", True),
    "helper redefined": _redefine,
    "code swapped": lambda work: setattr(work.helper, "__code__", (lambda x, k=1, *, q=2: x).__code__),
    "default": lambda work: setattr(work.helper, "__defaults__", (5,)),
    "keyword default": lambda work: work.helper.__kwdefaults__.update(q=3),
    "function attribute": lambda work: setattr(work.helper, "note", 1),
    "nested list": lambda work: work.TABLE["a"].append(3),
    "dict": lambda work: work.TABLE.update(b=1),
    "array in place": lambda work: work.WEIGHTS.fill(1),
    "set": lambda work: work.NAMES.add("y"),
    "class attribute": lambda work: setattr(work.Model, "power", 3),
    "method": lambda work: setattr(work.Model, "score", lambda self, x: x),
    "instance attribute": lambda work: setattr(work.MODEL, "power", 5),
    "closure": lambda work: work.move(2),
    "missing name": lambda work: setattr(work, "missing", 1),
    "class of an instance": lambda work: setattr(work.MODEL, "__class__", work.Other),
    "partial in place": lambda work: work.bound.__setstate__((work.helper, (4,), {"k": [1]}, {})),
    "argument of a partial": lambda work: work.bound.keywords["k"].append(2),
    "dispatch": lambda work: work.kind.register(int, lambda x: 1),
    "abstract registration": lambda work: work.Shape.register(work.Model),
}
#: Changes to what others share, and how to undo them.
SHARED: dict[str, tuple[Any, str]] = {
    "builtin name": (builtins, "corpus_name"),
    "installed function": (textwrap, "indent"),
    "installed class": (Fraction, "anything"),
}


@pytest.mark.parametrize("name", SHARED)
def test_a_change_to_what_is_installed_is_noticed(name: str, work: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the project puts into builtins, or an installed module or class, counts with its code."""
    owner, attribute = SHARED[name]
    monkeypatch.setitem(sys.modules, work.__name__, work)
    found = [fingerprint(work.step)]
    for text in ("1", "2"):
        exec(f"def put(*args):\n    return {text}", vars(work))
        monkeypatch.setattr(owner, attribute, work.put, raising=False)
        found.append(fingerprint(work.step))

    assert [one.reason for one in found] == [None] * 3
    assert found[0].digest != found[1].digest
    assert found[1].digest != found[2].digest


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_in_place_is_noticed(name: str, work: ModuleType) -> None:
    """What is redefined or mutated in a running process gives another fingerprint."""
    before = fingerprint(work.step)
    CHANGES[name](work)

    assert before.reason is None
    assert fingerprint(work.step).digest != before.digest


def test_an_unchanged_function_is_not_walked_again(work: ModuleType) -> None:
    """Asking again for an unchanged function gives the very same fingerprint."""
    assert fingerprint(work.step) is fingerprint(work.step)


def test_a_change_undone_gives_the_old_fingerprint(work: ModuleType) -> None:
    """A fingerprint depends on what is there, not on how it came about."""
    before = fingerprint(work.step)
    work.RATE = 2
    fingerprint(work.step)
    work.RATE = 1

    assert fingerprint(work.step).digest == before.digest


def test_parts_name_what_counts(work: ModuleType) -> None:
    """Functions, classes, constants and packages that are reached are listed by name and kind."""
    kinds = {part.name.removeprefix("worked_in_place."): part.kind for part in fingerprint(work.step).parts}

    assert kinds["RATE"] == "constant"
    assert kinds["numpy"] == "package"
    assert {"function", "class", "constant", "package"} == set(kinds.values())


def test_a_class_has_a_fingerprint(work: ModuleType) -> None:
    """The code of a project class counts, attribute by attribute."""
    before = class_fingerprint(work.Model)
    work.Model.power = 4

    assert before.digest is not None
    assert class_fingerprint(work.Model).digest != before.digest


def test_values_carry_the_code_of_their_classes(work: ModuleType) -> None:
    """An instance of a project class, however deep in a value, brings its class's code; plain values bring none."""
    before = value_fingerprint({"models": [(work.MODEL,)]})
    work.Model.score = lambda self, x: 0
    after = value_fingerprint({"models": [(work.MODEL,)]})

    assert value_fingerprint([1, "a", {"b": np.zeros(2)}]) is None
    assert before is not None
    assert after is not None
    assert before.digest != after.digest


def test_extras_count(work: ModuleType) -> None:
    """Declared extras are part of the digest."""
    assert fingerprint(work.step, extras={"a": "1"}).digest != fingerprint(work.step, extras={"a": "2"}).digest


def test_raising_objects_make_a_step_uncacheable() -> None:
    """An object that refuses to be looked into makes the step uncacheable, with the reason, and never raises."""

    class Rude:
        @property
        def __dict__(self) -> Any:
            raise RuntimeError("go away")

    rude = Rude()

    def step() -> object:
        return rude

    found = fingerprint(step)

    assert found.digest is None
    assert "go away" in str(found.reason)


def test_differences_show_code_with_a_diff(work: ModuleType) -> None:
    """A changed helper is a difference of kind code, with a unified diff; what stayed is not mentioned."""
    before = fingerprint(work.step).parts
    work.RATE = 2
    found = differences(StepFacts(parts=before), StepFacts(parts=fingerprint(work.step).parts))

    assert [(one.kind, one.name, one.old, one.new) for one in found] == [("code", "worked_in_place.RATE", "1", "2")]
    assert "-1" in found[0].diff
    assert "+2" in found[0].diff


def test_differences_of_every_kind() -> None:
    """Parameters, inputs, outputs and extras are compared by name; absent ones are None."""
    old = StepFacts(parameters={"a": "1", "b": "2"}, inputs={"d": "x"}, outputs={"o": ""}, extras={"e": "1"})
    new = StepFacts(parameters={"a": "1", "c": "3"}, inputs={"d": "y"}, outputs={"o": "json"}, extras={"e": "2"})

    assert [(one.kind, one.name, one.old, one.new) for one in differences(old, new)] == [
        ("parameter", "b", "2", None),
        ("parameter", "c", None, "3"),
        ("input", "d", "x", "y"),
        ("output", "o", "", "json"),
        ("extra", "e", "1", "2"),
    ]


def test_package_versions_are_versions(work: ModuleType) -> None:
    """Another version of an installed package is a difference of kind version."""
    parts = fingerprint(work.step).parts
    older = tuple(type(part)(part.name, part.kind, "0", "1.0") if part.kind == "package" else part for part in parts)

    assert {one.kind for one in differences(StepFacts(parts=older), StepFacts(parts=parts))} == {"version"}


def test_definitions_bring_their_parts_back(work: ModuleType) -> None:
    """A recorded definition holds the parts of the fingerprint, and equal steps have equal definitions."""
    found = fingerprint(work.step)
    body, digest = definition_body(work.step, found)

    assert parts_of(body) == found.parts
    assert (body, digest) == definition_body(work.step, found)


def test_origins_and_versions() -> None:
    """What lies in an installation folder is a package, known by its distribution's version, whatever its name."""
    from importlib.metadata import version

    assert origin_of_module("json.decoder") == "python"
    assert origin_of_module("sklearn.linear_model") == "package"
    assert origin_of_module("numpy") == "package"
    assert origin_of_module("runlore.model.plan") == "runlore"
    assert origin_of_module("__main__") == "project"
    assert version_of("numpy") == version("numpy")
    assert version("scikit-learn") in version_of("sklearn")


def test_a_module_without_distribution_is_known_by_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that no distribution claims counts by a digest of its file."""
    versions = []
    for name, text in (("first_extension", "A = 1"), ("second_extension", "A = 2")):
        (tmp_path / f"{name}.py").write_text(text)
        module = ModuleType(name)
        module.__file__ = str(tmp_path / f"{name}.py")
        monkeypatch.setitem(sys.modules, name, module)
        versions.append(version_of_extension(name))

    assert versions[0] != versions[1]
    assert all(versions)
