"""The reference says what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from runlore.values.typenames import resolve_type

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """What writes the reference."""
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(generate: ModuleType) -> dict[str, str]:
    """The reference as it would be written now."""
    return generate.pages()


@pytest.mark.parametrize("name", ["commands.md", "python.md", "settings.md", "types.md"])
def test_page_is_current(pages: dict[str, str], name: str) -> None:
    """A page of the reference is what `make docs` writes today."""
    assert (DOCS / "reference" / name).read_text() == pages[name], "run: make docs"


@pytest.mark.slow
def test_classes_have_the_names_that_the_page_gives(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name under which users know a class leads to that class."""
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    for inside, public in generate.PUBLIC_NAMES.items():
        pytest.importorskip(inside.partition(".")[0])
        assert resolve_type(inside) is resolve_type(public), public


def test_every_error_is_documented() -> None:
    """Each class of the error tree has a row in the page on errors."""
    from runlore import errors

    page = (DOCS / "design" / "errors.md").read_text()
    names = [name for name, value in vars(errors).items() if isinstance(value, type)]

    assert [name for name in names if f"`{name}`" not in page] == []
