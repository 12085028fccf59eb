"""Names of classes and functions."""

from __future__ import annotations

import decimal
import subprocess
import sys
from pathlib import Path

import pytest

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.values.typenames import reference, resolve_type, type_name


class Outer:
    class Inner:
        def method(self) -> None: ...


@pytest.mark.parametrize("thing", [int, len, decimal.Decimal, Outer, Outer.Inner, Outer.Inner.method, Path])
def test_names_lead_back(thing: object) -> None:
    """The name of a class or function, nested ones too, leads back to it."""
    assert resolve_type(type_name(thing)) is thing
    assert reference(thing) == type_name(thing)


def test_resolving_imports() -> None:
    """A module that is not loaded yet is imported."""
    program = "from runlore.values.typenames import resolve_type as r; print(r('wave.Wave_read').__name__)"

    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "Wave_read"


@pytest.mark.parametrize("name", ["nowhere_at_all.Thing", "decimal.Nothing", "decimal.Decimal.nothing"])
def test_an_absent_name_is_an_error(name: str) -> None:
    """An absent module or attribute is an error that names it and the way out."""
    with pytest.raises(ValueUnloadable, match=f"{name} does not exist in this process. Install"):
        resolve_type(name)


@pytest.mark.parametrize("name", ["", "int", ".a", "a..b", "a."])
def test_what_is_no_name_is_refused(name: str) -> None:
    """Text that cannot be a dotted name is refused as such."""
    with pytest.raises(ValueUnloadable, match="not the dotted name"):
        resolve_type(name)


def test_a_script_class_says_where_it_was() -> None:
    """A class of somebody else's script is reported as such."""
    with pytest.raises(ValueUnloadable, match="defined in a script or notebook"):
        resolve_type("__main__.NeverDefinedHere")


def test_a_shadowed_name_is_refused() -> None:
    """A class whose name leads to another one by now is refused."""
    impostor = type("Outer", (), {"__module__": __name__})

    with pytest.raises(ValueUnstorable, match="leads to another object"):
        reference(impostor)


def test_a_broken_module_says_what_broke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that cannot be imported is told apart from one that is absent."""
    (tmp_path / "broken_for_runlore.py").write_text("import nowhere_at_all\nclass A: pass\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ValueUnloadable, match="cannot be imported: No module named 'nowhere_at_all'"):
        resolve_type("broken_for_runlore.A")


def test_python_m_programs_name_their_module(tmp_path: Path) -> None:
    """A class of a module run by `python -m` has the name under which other processes import it."""
    (tmp_path / "trainer.py").write_text(
        "from runlore.values.codec import encode, decode\n"
        "import dataclasses\n"
        "@dataclasses.dataclass\n"
        "class A:\n    x: int\n"
        "print(encode(A(1)), type(decode(encode(A(1)))) is A)\n"
    )
    command = [sys.executable, "-m", "trainer"]

    found = subprocess.check_output(command, text=True, cwd=tmp_path)
    assert found == '{"~":"dataclass","t":"trainer.A","v":{"x":1}} True\n'
