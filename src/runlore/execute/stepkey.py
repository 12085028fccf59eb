"""Step keys: under which key the result of a planned step is looked up (`docs/design/cache-key.md`)."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from runlore.author.options import SWITCHES
from runlore.execute.named import materializer_code
from runlore.model.digest import digest_of
from runlore.model.plan import Literal, PlannedOutput, PlannedStep
from runlore.plan.cache_key import cache_key
from runlore.plan.difference import definition_body
from runlore.plan.fingerprint import Fingerprint, fingerprint
from runlore.values import codec
from runlore.values.registry import by_annotation, by_name


class StepKeys:
    """Keys of one run's steps. Fingerprints are taken once per step and run."""

    def __init__(self, *, enable_cache: bool | None = None, salt: bytes | None = None) -> None:
        #: The pipeline's switch; ``None`` leaves the decision to each step.
        self._enable = enable_cache
        #: Key of the digests that tell values of environment variables apart in the record without telling the values.
        self._salt = salt
        #: By index of the planned step.
        self._outputs: dict[int, list[tuple[str, str]]] = {}
        self._prints: dict[int, tuple[Any, Fingerprint, tuple[str, bytes]]] = {}
        self._materializers: dict[tuple[int, int], tuple[PlannedOutput, str]] = {}
        self._configs: dict[int, tuple[Any, str]] = {}

    def fingerprint(self, step: Any) -> Fingerprint:
        """Fingerprint of a step's code, as it is now."""
        return self._known(step)[1]

    def definition(self, step: Any) -> tuple[str, bytes]:
        """Canonical description of a step and its digest."""
        return self._known(step)[2]

    def config(self, step: Any) -> str:
        """Options of this invocation that people may want to see again: typed JSON."""
        if extras_of(step.options):  # files and variables may change between two calls
            return self._config(step.options)
        known = self._configs.get(id(step))
        if known is None:
            known = self._configs[id(step)] = (step, self._config(step.options))  # the step, so that its id stays its
        return known[1]

    def _config(self, options: Any) -> str:
        shown: dict[str, Any] = {}
        if options.settings:
            shown["settings"] = dict(options.settings)
        if options.tags:
            shown["tags"] = list(options.tags)
        shown.update((name, getattr(options, name)) for name in SWITCHES if getattr(options, name) is not None)
        extras = extras_of(options)
        if extras:
            shown["cache_extras"] = {name: self._shown(name, text) for name, text in extras.items()}
        return codec.encode(shown) if shown else "{}"

    def _shown(self, name: str, text: str) -> str:
        """An extra as the record may keep it: a digest of a short secret could be guessed, a keyed one cannot."""
        if not name.startswith("env:") or text == "absent":
            return text
        return "present" if self._salt is None else hmac.digest(self._salt, text.encode(), "sha256").hex()

    def key(self, step: PlannedStep, identities: Mapping[str, str | None]) -> tuple[bytes | None, str | None]:
        """The key of one task before it is numbered among identical ones, or ``None`` and the reason."""
        options = step.step.options
        enabled = options.enable_cache if options.enable_cache is not None else self._enable
        if enabled is False:
            return None, "caching is off for this step"
        taken = self.fingerprint(step.step)
        if taken.digest is None:
            return None, taken.reason
        parameters: dict[str, str] = {}
        inputs: dict[str, str] = {}
        for name, identity in identities.items():
            if identity is None:
                return None, f"the identity of {name!r} is not known"
            (parameters if type(step.arguments[name]) is Literal else inputs)[name] = identity
        outputs = self._outputs.get(step.index)
        if outputs is None:
            outputs = self._outputs[step.index] = [(one.name, self._materializer(one)) for one in step.outputs]
        key = cache_key(
            fingerprint=taken.digest,
            parameters=parameters,
            inputs=inputs,
            outputs=outputs,
            ordinal=0,
            extras=extras_of(options),
        )
        return key, None

    def _materializer(self, output: PlannedOutput) -> str:
        """As `_materializer_identity`, looked up once for each annotation."""
        place = (id(output.annotation), id(output.materializer))
        known = self._materializers.get(place)
        if known is None:
            known = self._materializers[place] = (output, _materializer_identity(output))  # the output keeps both ids
        return known[1]

    @staticmethod
    def numbered(key: bytes, ordinal: int) -> bytes:
        """Tell identical calls of one run apart: two draws stay two draws."""
        return key if ordinal == 0 else sha256(b"runlore ordinal 1\0" + key + str(ordinal).encode()).digest()

    def _known(self, step: Any) -> tuple[Any, Fingerprint, tuple[str, bytes]]:
        known = self._prints.get(id(step))
        if known is None:
            taken = fingerprint(step.function)
            # The step itself is kept in the entry, so that its id is not given to another one.
            known = self._prints[id(step)] = (step, taken, definition_body(step, taken))
        return known


def extras_of(options: Any) -> dict[str, str]:
    """What the user declared to count besides code and inputs: a version, files, environment variables."""
    extras: dict[str, str] = {}
    if options.cache_version is not None:
        extras["version"] = codec.encode(options.cache_version)
    for path in options.cache_files:
        extras[f"file:{path}"] = _file_identity(path)
    for name in options.cache_env:
        extras[f"env:{name}"] = _secret_identity(os.environ.get(name))
    return extras


def _file_identity(path: Any) -> str:
    try:
        with open(path, "rb") as file:
            return digest_of(file.read())
    except FileNotFoundError:
        return "absent"


def _secret_identity(value: str | None) -> str:
    """Environment values are never recorded; their digest only ever enters the key's own digest."""
    return "absent" if value is None else sha256(value.encode("utf-8", "surrogateescape")).hexdigest()


def _materializer_identity(output: PlannedOutput) -> str:
    """Name of what an output is stored with, if that was chosen, and its code, if it is the project's."""
    chosen = output.materializer
    name = "" if chosen is None else str(getattr(chosen, "name", chosen))
    found = by_name(chosen) if isinstance(chosen, str) else chosen
    if found is None:
        found = by_annotation(output.annotation)
    code = materializer_code(found)
    return name if code is None else f"{name}|{code.hex()}"
