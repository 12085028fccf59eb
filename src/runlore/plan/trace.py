"""Trace: runs a pipeline's body and collects the steps that it calls into a plan."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runlore.author import current
from runlore.author.handle import MappedHandle, OutputHandle
from runlore.author.items import bare, checked_length, is_walked
from runlore.author.options import SWITCHES, as_tuple, with_changes
from runlore.author.pipeline import Pipeline
from runlore.author.signature import Signature
from runlore.author.step import Step
from runlore.errors import ConfigurationError, DefinitionError, ParameterError
from runlore.model.name import checked_run_name
from runlore.model.plan import Argument, External, FromStep, Literal, Mapped, Plan, PlannedOutput, PlannedStep
from runlore.model.suggest import did_you_mean
from runlore.plan.arguments import Arguments, Instead, Lookup
from runlore.plan.configuration import Configuration, load_configuration
from runlore.plan.naming import Ids, planned_outputs
from runlore.plan.placeholders import filled, moment

_NO_OPTIONS: Mapping[str, Any] = {}


class _BodyStops(BaseException):
    """The body asked for a value that will not be computed; not an `Exception`, so that bodies do not catch it."""


@dataclass(slots=True)
class _Scope:
    """The pipeline whose body is being traced: the outermost one, or one inlined in it."""

    pipeline: Pipeline
    prefix: str
    enable_cache: bool | None
    enable_artifact_metadata: bool | None
    enable_artifact_visualization: bool | None
    settings: Mapping[str, Any]
    substitutions: Mapping[str, str]


class Trace:
    """One tracing of a pipeline's body with given arguments.

    ``arguments`` are named; defaults and those of the YAML file are filled in. Checks that need no other run are made
    at once, so that an error is raised where the step is called.

    Args:
        started: When the run starts; ``{date}`` and ``{time}`` tell it.
        substitutions: More placeholder values; they win over those of the pipeline.
        on_load: Runs what an output depends on and gives its value. Without it the body stops at its first ``load()``,
            the trace ends there, and `complete` stays False.
        resolve_artifact: Finds a recorded artifact version by name and version.
        instead_of_artifact: Says what is recorded instead of one that it does not find.
        secret_names: Parameters that are redacted whatever their annotation.
        salt: Key of the digests that tell redacted values apart, the same for all runs of an installation.
        configuration: In place of the file that the pipeline's ``config_path`` names.

    Raises:
        ParameterError: an argument is missing, unknown, or cannot be recorded exactly.
        ConfigurationError: the configuration cannot be read or says something unknown.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        arguments: Mapping[str, Any],
        *,
        started: datetime,
        substitutions: Mapping[str, str] | None = None,
        on_load: Callable[[FromStep], Any] | None = None,
        resolve_artifact: Lookup | None = None,
        instead_of_artifact: Instead | None = None,
        secret_names: Collection[str] = (),
        salt: bytes | None = None,
        configuration: Configuration | None = None,
    ) -> None:
        if configuration is None:
            path = pipeline.options.config_path
            configuration = Configuration() if path is None else load_configuration(path)
        self.configuration = configuration
        #: The pipeline with the options of the configuration applied.
        self.pipeline = pipeline.with_options(**configuration.options) if configuration.options else pipeline
        options = self.pipeline.options
        self.substitutions = {**moment(started), **options.substitutions, **(substitutions or {})}
        switches = (None, options.enable_artifact_metadata, options.enable_artifact_visualization)
        self._scopes = [_Scope(self.pipeline, "", *switches, {}, self.substitutions)]
        self._arguments = Arguments(self, resolve_artifact, secret_names, salt, self.latest_output, instead_of_artifact)
        #: The secrets that the arguments brought so far.
        self.redaction = self._arguments.redaction
        self._on_load = on_load
        self._ids = Ids()
        self._prefixes = Ids()
        self._completed: set[int] = set()
        #: What the body has called so far, in order.
        self.steps: list[PlannedStep] = []
        self._index: dict[str, int] = {}
        self._producers: dict[str, OutputHandle] = {}
        #: What the body returned: name → output.
        self.outputs: tuple[tuple[str, FromStep], ...] = ()
        #: Whether the body came to its end.
        self.complete = False
        #: Name of the run; given by the user if `run_name_given`, else made from the pipeline's name and the time.
        self.run_name_given = options.run_name is not None
        self.run_name = self._run_name(options.run_name)
        self.values = self._bound(arguments)
        #: The pipeline's arguments as they are recorded.
        self.parameters: dict[str, Literal] = self._recorded()

    # -- the pipeline's own arguments -------------------------------------------------------------------------------

    def _run_name(self, template: str | None) -> str:
        if template is None:
            return f"{self.pipeline.name}-{self.substitutions['date']}-{self.substitutions['time']}"
        about = f"Pipeline {self.pipeline.name!r}, run_name"
        return checked_run_name(filled(template, self.substitutions, about=about))

    def _bound(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        signature = self._ready(self.pipeline.signature)
        given = signature.given((), arguments)
        more = self.configuration.parameters
        _refuse_twice(given, more, signature.about, self.configuration.source)
        return signature.filled({**given, **signature.given((), more)})

    def _recorded(self) -> dict[str, Literal]:
        signature, about = self.pipeline.signature, self.pipeline.signature.about
        found: dict[str, Literal] = {}
        for name, value in self.values.items():
            argument = self._arguments.argument(about, signature.parameter(name), value)
            if isinstance(argument, Literal):
                found[name] = argument
        return found

    def _ready(self, signature: Signature) -> Signature:
        if signature.unresolved and id(signature) not in self._completed:
            self._completed.add(id(signature))
            signature.complete()
        return signature

    # -- the body ---------------------------------------------------------------------------------------------------

    def run_body(self) -> None:
        """Call the body, collecting its steps. What the body raises is passed on."""
        signature, function = self.pipeline.signature, self.pipeline.function
        with current.use_trace(self):
            try:
                returned = signature.call(function, self.values)
            except _BodyStops:
                return
        self.outputs = self._named_outputs(returned)
        if not self.steps:
            raise DefinitionError(
                f"Pipeline {self.pipeline.name!r} has no steps: call at least one @step function in its body."
            )
        self.configuration.check_steps(self._index)
        self.complete = True

    def plan(self) -> Plan:
        """The plan as far as it is known."""
        return Plan(pipeline=self.pipeline.name, steps=tuple(self.steps), outputs=self.outputs)

    def load(self, handle: OutputHandle) -> Any:
        """Run what ``handle`` depends on and return its value; ends the body if nothing is to be run."""
        self._arguments.check_owner("load()", handle)
        if self._on_load is None:
            raise _BodyStops
        return self._on_load(FromStep(handle.step, handle.output, handle.element))

    def latest_output(self, artifact: str) -> OutputHandle | None:
        """The newest output so far that makes a version of ``artifact``: what looking up its latest means here."""
        return self._producers.get(artifact)

    def _named_outputs(self, returned: Any) -> tuple[tuple[str, FromStep], ...]:
        """Name what the body returned. Values that are not outputs of steps are not recorded."""
        named: dict[str, OutputHandle] = {}
        if isinstance(returned, dict):
            named = {str(key): handle for key, handle in returned.items() if isinstance(handle, OutputHandle)}
        else:
            handles = [handle for handle in _flat(returned) if isinstance(handle, OutputHandle)]
            names = [handle.output for handle in handles]
            for handle in handles:
                name = handle.output if names.count(handle.output) == 1 else f"{handle.step_name}.{handle.output}"
                if handle.element is not None and names.count(handle.output) > 1:
                    name = f"{name}.{handle.element}"
                named[name] = handle
        for handle in named.values():
            self._arguments.check_owner("The pipeline's body", handle)
        return tuple((name, FromStep(h.step, h.output, h.element)) for name, h in named.items())

    # -- steps ------------------------------------------------------------------------------------------------------

    def invoke(self, step: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], *, mapped: bool = False) -> Any:
        """Add an invocation of ``step`` to the plan; return its handle, a tuple of handles, or None without outputs.

        ``id=`` and ``after=`` name it and order it, unless the step has parameters of these names.
        """
        signature = self._ready(step.signature)
        named, waited = step.options.id, step.options.after
        if kwargs and ("id" in kwargs or "after" in kwargs):
            kwargs = dict(kwargs)
            if "id" in kwargs and not signature.accepts("id"):
                named = kwargs.pop("id")
            if "after" in kwargs and not signature.accepts("after"):
                waited = (*waited, *_given_after(step, kwargs.pop("after")))
        scope = self._scopes[-1]
        given = signature.given(args, kwargs)
        name = self._ids.made(scope.prefix + step.name) if named is None else self._ids.asked(scope.prefix + named)
        step, given = self._configured(step, name, given, scope)
        about = f"Step {name!r}"
        arguments, length = self._converted(about, signature, given, mapped)
        after = self._waited(about, waited)
        substitutions = scope.substitutions
        if step.options.substitutions:
            substitutions = {**substitutions, **step.options.substitutions}
        outputs = planned_outputs(step, self.pipeline.name, name, substitutions)
        index = len(self.steps)
        self.steps.append(
            PlannedStep(
                index=index, name=name, step=step, arguments=arguments, outputs=outputs, after=after, mapped=mapped
            )
        )
        self._index[name] = index
        handles = tuple(self._handle(index, name, output, mapped, length) for output in outputs)
        return handles[0] if len(handles) == 1 else handles or None

    def _configured(self, step: Step, name: str, given: dict[str, Any], scope: _Scope) -> tuple[Step, dict[str, Any]]:
        """Apply what the configuration and inlined pipelines say about this invocation."""
        said = self.configuration.steps.get(name)
        if said is not None:
            about, source = f"Step {name!r}", self.configuration.source
            _refuse_twice(given, said.parameters, about, source)
            given = {**given, **step.signature.given((), said.parameters)}
            step = step.with_options(**said.options)
        changes: dict[str, Any] = {}
        for switch in SWITCHES:
            if getattr(scope, switch) is not None and getattr(step.options, switch) is None:
                changes[switch] = getattr(scope, switch)
        if scope.settings:
            changes["settings"] = {**scope.settings, **step.options.settings}
        if changes:
            step = step.with_step_options(with_changes(step.options, changes, about=f"Step {name!r}"))
        return step, given

    def _converted(
        self, about: str, signature: Signature, given: Mapping[str, Any], mapped: bool
    ) -> tuple[dict[str, Argument], int | None]:
        walked = {name for name, value in given.items() if is_walked(value)} if mapped else set()
        convert = self._arguments
        arguments: dict[str, Argument] = {}
        lengths: dict[str, int | None] = {}
        for name, value in signature.filled(given).items():
            parameter = signature.parameter(name)
            if name in walked:
                arguments[name] = source = convert.mapped(about, parameter, value)
                lengths[name] = _length(source, value)
            else:
                arguments[name] = convert.argument(about, parameter, value)
        return arguments, checked_length(about, lengths) if mapped else None

    def _handle(self, index: int, name: str, output: PlannedOutput, mapped: bool, length: int | None) -> OutputHandle:
        handle: OutputHandle
        if mapped:
            handle = MappedHandle(index, name, output.name, _list_of(output.annotation), self, length)
        else:
            handle = OutputHandle(index, name, output.name, output.annotation, self)
        self._producers[output.artifact] = handle
        return handle

    def _waited(self, about: str, waited: tuple[Any, ...]) -> tuple[int, ...]:
        return tuple(sorted({self._waited_step(about, item) for item in waited})) if waited else ()

    def _waited_step(self, about: str, item: Any) -> int:
        if isinstance(item, OutputHandle):
            self._arguments.check_owner(about, item)
            return item.step
        if isinstance(item, str):
            for name in (self._scopes[-1].prefix + item, item):
                if name in self._index:
                    return self._index[name]
            raise DefinitionError(
                f"{about} waits for a step {item!r} that was not called before it, so that no circle can close."
                f"{did_you_mean(item, self._index, nothing=' No step was called before it.')}"
            )
        raise DefinitionError(
            f"{about}: after= takes handles or ids of steps called before, not {item!r}. A step without outputs "
            f"returns None: name it by its id, such as after={next(reversed(self._index), 'prepare')!r}."
        )

    # -- pipelines in pipelines -------------------------------------------------------------------------------------

    def inline(self, pipeline: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Trace another pipeline's body as part of this one: ids become ``inner.train``, then ``inner_2.train``.

        Its settings, cache switch and substitutions hold for its steps; what concerns runs (name, tags, hooks) has no
        effect.
        """
        if any(scope.pipeline.function is pipeline.function for scope in self._scopes):
            raise DefinitionError(f"Pipeline {pipeline.name!r} calls itself, which would never end.")
        if pipeline.options.config_path is not None:
            raise ConfigurationError(
                f"Pipeline {pipeline.name!r} has a config_path, which is read only for a pipeline that is run itself."
            )
        signature = self._ready(pipeline.signature)
        values = {name: bare(value) for name, value in signature.bind(args, kwargs).items()}
        self._check_inlined(signature, values)
        scope, options = self._scopes[-1], pipeline.options
        self._scopes.append(
            _Scope(
                pipeline=pipeline,
                prefix=self._prefixes.made(scope.prefix + pipeline.name) + ".",
                enable_cache=_chosen(options.enable_cache, scope.enable_cache),
                enable_artifact_metadata=_chosen(options.enable_artifact_metadata, scope.enable_artifact_metadata),
                enable_artifact_visualization=_chosen(
                    options.enable_artifact_visualization, scope.enable_artifact_visualization
                ),
                settings={**scope.settings, **options.settings},
                substitutions={**scope.substitutions, **options.substitutions},
            )
        )
        try:
            return signature.call(pipeline.function, values)
        finally:
            self._scopes.pop()

    def _check_inlined(self, signature: Signature, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            self._arguments.argument(signature.about, signature.parameter(name), value)


def _chosen(own: bool | None, above: bool | None) -> bool | None:
    return above if own is None else own


def _refuse_twice(given: Mapping[str, Any], more: Mapping[str, Any], about: str, source: str) -> None:
    for name in more:
        if name in given:
            where = source[:1].lower() + source[1:]
            raise ParameterError(
                f"{about} has its parameter {name!r} both in the call and in {where}. Keep one of them."
            )


def _given_after(step: Step, value: Any) -> tuple[Any, ...]:
    if value is None:
        raise DefinitionError(
            f"Step {step.name!r} was given after=None. A step without outputs returns None: name it by its id, as in "
            f"after='prepare'."
        )
    return tuple(part for item in as_tuple(value) for part in (item if isinstance(item, tuple) else (item,)))


def _flat(returned: Any) -> list[Any]:
    if isinstance(returned, (list, tuple)):
        return [part for item in returned for part in _flat(item)]
    return [returned]


def _length(source: Mapped, value: Any) -> int | None:
    """How many items a walked argument has, where that is known."""
    if isinstance(source.source, tuple):
        return len(source.source)
    value = bare(value)
    if isinstance(value, MappedHandle):
        return value.length
    if isinstance(source.source, External) and hasattr(source.source.value, "__len__"):
        return len(source.source.value)
    return None


def _list_of(annotation: Any) -> Any:
    try:
        return list[annotation]
    except TypeError:
        return list[Any]
