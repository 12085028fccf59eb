"""Script: finds the pipeline that ``file.py:name`` or ``package.module:name`` means."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import TypeVar

from runlore.author.pipeline import Pipeline
from runlore.errors import NotFound, RunloreError
from runlore.model.counted import counted
from runlore.model.suggest import did_you_mean
from runlore.show.cli.failure import failed

T = TypeVar("T")


def find_pipeline(target: str) -> Pipeline:
    """Import the file or module and return its pipeline; the name may be left out where there is only one.

    The import runs the module's own code; what stands under ``if __name__ == "__main__"`` does not run.
    """
    place, name = _split(target)
    module = _from_file(place) if place.endswith(".py") else _from_name(place)
    pipelines = {key: value for key, value in vars(module).items() if isinstance(value, Pipeline)}
    if name is None and len(pipelines) == 1:
        return next(iter(pipelines.values()))
    if name is None:
        names = ", ".join(f"{place}:{key}" for key in pipelines)
        if not pipelines:
            raise NotFound(f"{place} defines no pipeline: a function decorated with @pipeline, at its top level.")
        raise NotFound(f"{place} defines {counted(len(pipelines), 'pipeline')} ({names}); say which one: {place}:NAME.")
    if name in pipelines:
        return pipelines[name]
    named = {pipeline.name: pipeline for pipeline in pipelines.values()}
    if name in named:
        return named[name]
    raise NotFound(f"{place} defines no pipeline {name!r}.{did_you_mean(name, pipelines, nothing=' It defines none.')}")


def _split(target: str) -> tuple[str, str | None]:
    place, colon, name = target.rpartition(":")
    if not colon or "/" in name or "\\" in name:
        return target, None
    return place, name


def _from_file(place: str) -> ModuleType:
    path = Path(place)
    if not path.is_file():
        raise NotFound(f"There is no file {str(path)!r} here ({Path.cwd()}).")
    path = path.resolve()
    package, folder = _package_of(path)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))  # as Python does for a script, so that its neighbours can be imported
    if package:
        module = _from_name(f"{package}.{path.stem}")
        if getattr(module, "__file__", None) == str(path):
            return module  # as part of its package, whose relative imports then work
    name = path.stem
    loaded = getattr(sys.modules.get(name), "__file__", None)
    taken = name in sys.modules and loaded != str(path)
    if taken or not name.isidentifier() or name in sys.stdlib_module_names:
        name = f"_runlore_script_{path.stem}"
    loader = _ScriptLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        _executed(place, lambda: loader.exec_module(module))
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _package_of(path: Path) -> tuple[str, Path]:
    """Dotted name of the package that a file belongs to, or ``""``, and the folder from which it is imported."""
    parts: list[str] = []
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier() and path.stem.isidentifier():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts), folder


class _ScriptLoader(SourceFileLoader):
    """Compiles the file at every start, as Python does with a script: bytecode kept beside it counts as current after
    an edit in the same second that leaves the size alone."""

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


def _executed(place: str, execute: Callable[[], T]) -> T:
    """Run a module's own code; what it raises is told with the lines of the user's files alone."""
    try:
        return execute()
    except RunloreError:
        raise
    except Exception as error:
        raise failed(error, f"{place} cannot be imported, since it raises") from error


def _from_name(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise NotFound(f"{name!r} is neither a Python file nor a module; a file is written like flow.py:training.")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))

    def found() -> ModuleType:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
                raise
            raise NotFound(f"There is no module {name!r} here; a file is written like flow.py:training.") from None

    return _executed(name, found)
