"""Cloudpickle, the last resort, and the one place through which anything of the pickle family is loaded.

Loading a pickle runs code that came with it. So a pickle is signed with a key of this installation when it is
written, and read without asking only if that signature is right; anything else needs ``trust=True``.
"""

from __future__ import annotations

import io
import re
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from runlore.errors import RunloreError, UntrustedPickle, ValueUnloadable, ValueUnstorable
from runlore.values.arrived import SPARING
from runlore.values.estimators import describe_estimator, is_estimator
from runlore.values.materializer import ArtifactType, Materializer, Reader, Writer
from runlore.values.typenames import MOVED

if TYPE_CHECKING:
    import pickle

_LOST = re.compile(
    r"Can't get (?:local )?attribute '([^']+)' on <module '([^']+)'|module '([^']+)' has no attribute '([^']+)'"
)
#: At most so many columns of a frame are noted.
_LISTED = 100


def dumps(value: Any) -> bytes:
    """Pickle ``value``; classes and functions of scripts and notebooks travel inside.

    Raises:
        ValueUnstorable: it, or something in it, cannot be pickled.
    """
    file = io.BytesIO()
    dump(value, file)
    return file.getvalue()


def dump(value: Any, file: IO[bytes], *, elsewhere: Callable[[Any], Any] | None = None) -> None:
    """Pickle ``value`` into a file; the large buffers in it are written from where they lie.

    Args:
        elsewhere: asked about every object; what it returns, other than ``None``, stands for the object in the pickle,
            and `unpickle` is told it.

    Raises:
        ValueUnstorable: it, or something in it, cannot be pickled.
    """
    import cloudpickle  # 10 ms, and rarely needed

    ways: dict[str, Any] = {"dispatch_table": ChainMap({memoryview: _reduce_view}, cloudpickle.Pickler.dispatch_table)}
    if elsewhere is not None:
        ways["persistent_id"] = lambda _, found: elsewhere(found)
    pickler: Any = type("Pickler", (cloudpickle.Pickler,), ways)
    try:
        pickler(file, protocol=5).dump(value)
    except RunloreError:
        raise
    except Exception as error:
        kind = type(value)
        raise ValueUnstorable(
            f"A {kind.__module__}.{kind.__qualname__} cannot be stored: {type(error).__name__}: {error}. Return what "
            "it is made of, or define a Materializer for its class (docs/design/codec.md)."
        ) from error


def _reduce_view(view: memoryview) -> tuple[Any, ...]:
    """How a view is made again; cloudpickle alone would make bytes of it."""
    data = view.tobytes() if view.readonly else bytearray(view.tobytes())
    if view.format == "B" and view.ndim == 1:
        return memoryview, (data,)
    try:
        again = memoryview(data).cast(view.format, list(view.shape or ()))  # type: ignore[call-overload]
    except (TypeError, ValueError) as error:
        raise ValueUnstorable(
            f"A memoryview of format {view.format!r} and shape {view.shape} cannot be stored: {error}. Return an array "
            "of it, or bytes(...)."
        ) from error
    return memoryview.cast, (memoryview(data), again.format, list(again.shape or ()))


def sign(data: bytes | bytearray | memoryview, key: bytes) -> bytes:
    """Return the MAC (HMAC-SHA256, 32 bytes) that lets an installation recognise its own pickles."""
    import hmac  # brings OpenSSL, 5 ms that only pickles need

    return hmac.new(key, data, "sha256").digest()


def is_own(data: bytes | bytearray | memoryview, *, mac: bytes | None, key: bytes) -> bool:
    """Whether ``mac`` proves that the holder of ``key`` wrote ``data``. An empty key proves nothing."""
    import hmac  # see `sign`

    return bool(key) and mac is not None and hmac.compare_digest(sign(data, key), mac)


def loads(data: bytes, *, mac: bytes | None, key: bytes, trust: bool = False) -> Any:
    """Unpickle ``data`` if this installation signed it, or if the caller trusts it.

    Args:
        mac: the signature stored beside the bytes, if any.
        key: this installation's key.
        trust: load it whoever wrote it.

    Raises:
        UntrustedPickle: nobody vouches for the bytes; nothing has been run.
        ValueUnloadable: it does not load here, such as when a module is missing.
    """
    if not trust and not is_own(data, mac=mac, key=key):
        signed = "another installation signed it, or it was changed" if mac is not None else "it carries no signature"
        raise UntrustedPickle(
            f"This value is a pickle that this installation did not write ({signed}). Loading it can run any code. "
            "If you trust who wrote it, load it with trust=True."
        )
    return unpickle(io.BytesIO(data))


def unpickle(file: IO[bytes], *, elsewhere: Callable[[Any], Any] | None = None) -> Any:
    """Unpickle what somebody vouches for: `loads` has asked, or the vault, before a materializer that runs code loads.

    Args:
        elsewhere: gives the objects that `dump` left out.

    Raises:
        ValueUnloadable: it does not load here, such as when a module is missing.
    """
    import pickle  # only who reads one needs it

    try:
        unpickler = _unpickler(pickle.Unpickler, file)
        if elsewhere is not None:
            unpickler.persistent_load = elsewhere  # type: ignore[method-assign]
        return unpickler.load()
    except ModuleNotFoundError as error:
        raise ValueUnloadable(
            f"The pickle needs the module {error.name!r}, which is not here. Install it or put its folder on sys.path; "
            f"if it is called otherwise now, load with moved={{{error.name!r}: 'its.new.name'}}."
        ) from error
    except AttributeError as error:
        lost = _LOST.search(str(error))
        if lost is None:
            raise _unloadable(error) from error
        name = f"{lost[2] or lost[3]}.{lost[1] or lost[4]}"
        raise ValueUnloadable(
            f"The pickle needs {name}, which its module does not define any more. Define it there again; if it has "
            f"moved, load with moved={{{name!r}: 'its.new.place'}}."
        ) from error
    except Exception as error:
        raise _unloadable(error) from error


def _unloadable(error: Exception) -> ValueUnloadable:
    return ValueUnloadable(f"The pickle does not load here: {type(error).__name__}: {error}.")


@contextmanager
def renaming(moved: Mapping[str, str] | None) -> Iterator[None]:
    """Let pickles that are loaded in this block find modules, classes and functions under other names.

    ``moved`` maps the dotted name that is in the pickle to the one that holds now; a module's covers what is in it.
    """
    token = MOVED.set(moved or None)
    try:
        yield
    finally:
        MOVED.reset(token)


def _unpickler(kind: type[pickle.Unpickler], file: IO[bytes]) -> pickle.Unpickler:
    names = MOVED.get()

    class Finding(kind):  # type: ignore[misc, valid-type]
        def find_class(self, module: str, name: str) -> Any:
            if module == "cloudpickle.cloudpickle" and name in SPARING:
                return partial(SPARING[name], kind.find_class(self, module, name))
            if names is None:
                return kind.find_class(self, module, name)
            return _found(kind, self, names, module, name)

    return Finding(file)


def _found(kind: type[pickle.Unpickler], unpickler: Any, moved: Mapping[str, str], module: str, name: str) -> Any:
    exact = moved.get(f"{module}.{name}")
    if exact is not None:
        from runlore.values.typenames import resolve_type  # brings what only they need

        return resolve_type(exact)
    start = module
    while start:
        if start in moved:
            return kind.find_class(unpickler, moved[start] + module[len(start) :], name)
        start = start.rpartition(".")[0]
    return kind.find_class(unpickler, module, name)


class CloudpickleMaterializer(Materializer):
    """Stores what nothing safer can. Its payload is one pickle; whoever reads it goes through `loads`."""

    name = "cloudpickle"
    runs_code = True

    def save(self, value: Any, writer: Writer) -> None:
        writer.write(dumps(value))

    def load(self, reader: Reader) -> Any:
        """Refuse: without signature and key nobody vouches for the bytes. Use `loads`."""
        return loads(reader.read(), mac=None, key=b"")

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """Say that it is a pickle, and of which class; of arrays, frames and tensors ``shape`` and ``dtype``.

        Of an estimator also what `describe_estimator` says.
        """
        kind = type(value)
        found: dict[str, Any] = {"class": f"{kind.__module__}.{kind.__qualname__}", "pickle": True}
        if isinstance(getattr(value, "shape", None), tuple):
            for note, read in _SHAPED_NOTES.items():
                with suppress(Exception):
                    found[note] = read(value)
        if is_estimator(value) and not isinstance(value, type):
            found |= describe_estimator(value)
        return found


_SHAPED_NOTES: dict[str, Callable[[Any], Any]] = {
    "shape": lambda value: [int(length) for length in value.shape],
    "dtype": lambda value: (
        {str(label): str(dtype) for label, dtype in value.dtypes[:_LISTED].items()}
        if len(value.shape) == 2 and hasattr(value, "dtypes")
        else str(value.dtype)
    ),
}


def artifact_type_of(value: Any) -> ArtifactType:
    """What a value without a materializer of its own is to its users: a model if it behaves like one, else data."""
    return ArtifactType.MODEL if not isinstance(value, type) and is_estimator(value) else ArtifactType.DATA
