"""Everything that runlore raises, as one tree.

::

    RunloreError
    ├── DefinitionError          a step or pipeline is written wrongly; nothing has run
    │   ├── ParameterError       an argument is missing, unknown, or cannot be carried exactly
    │   ├── TypeMismatch         a value or output does not have the annotated type
    │   └── ConfigurationError   a setting, option or YAML key is unknown or malformed
    ├── NameInvalid              a name breaks the rules of `docs/design/semantics.md`
    ├── NotFound (KeyError)      nothing is recorded under this name, id or path
    ├── NamespaceMismatch (KeyError)
    │                            it is recorded, but not in the namespace that is looked through
    ├── Ambiguous                several things answer to this reference
    ├── PathspecInvalid          the text is not a pathspec
    ├── QueryInvalid             unknown filter, operator or sort field
    ├── TagProtected             a tag that runlore set cannot be removed
    ├── AlreadyExists            a run name, artifact version or alias is taken
    ├── ValueUnstorable          a value cannot be turned into bytes exactly
    ├── ValueUnloadable          stored bytes cannot be turned into a value here
    │   ├── MissingExtra         the library that reads it is not installed
    │   └── UntrustedPickle      a pickle that this installation did not write
    ├── ArtifactDeleted          the version is known, its bytes were pruned
    ├── ArtifactCorrupt          the bytes are there but are not what was recorded
    ├── ArtifactMissing          the bytes are not there
    ├── ArtifactChanged          a registered file or folder is not what it was
    ├── ExportInvalid            a folder is no exported run, or a damaged one; nothing was imported
    ├── StepContextError         there is no running step here
    ├── RunFailed                a run failed and there is no exception to raise again
    ├── LeaseLost                another process owns this run now
    └── StoreError               the record itself cannot be used
        ├── StoreLocked          another process held the lock for too long
        ├── StoreFull            no space left
        ├── StoreReadOnly        the folder cannot be written
        ├── StoreTooNew          written by a newer runlore
        ├── StoreForeign         the file is not a runlore record
        └── StoreCorrupt         the file is damaged

Messages say what was given, what was expected, what exists, and what to do.
"""

from __future__ import annotations


class RunloreError(Exception):
    """Root of everything that runlore raises itself."""


class DefinitionError(RunloreError):
    """A step or pipeline is written wrongly; nothing has run."""


class ParameterError(DefinitionError):
    """An argument is missing, unknown, or cannot be carried exactly."""


class TypeMismatch(DefinitionError, TypeError):
    """A value does not have the type that the annotation promises."""


class ConfigurationError(DefinitionError):
    """A setting, option or configuration key is unknown or malformed."""


class NameInvalid(RunloreError, ValueError):
    """A name is empty, too long, or holds a character that names may not hold."""


class NotFound(RunloreError, KeyError):
    """Nothing is recorded under this name, id or path."""

    def __str__(self) -> str:  # KeyError would print the repr of the message
        return str(self.args[0]) if self.args else ""


class NamespaceMismatch(RunloreError, KeyError):
    """It is recorded, but not in the namespace that is looked through."""

    def __str__(self) -> str:  # see `NotFound`
        return str(self.args[0]) if self.args else ""


class Ambiguous(RunloreError, ValueError):
    """Several things answer to this reference."""


class PathspecInvalid(RunloreError, ValueError):
    """The text is not a pathspec."""


class QueryInvalid(RunloreError, ValueError):
    """Unknown filter, operator or sort field, or a value that it cannot take."""


class TagProtected(RunloreError, ValueError):
    """A tag that runlore set cannot be removed."""


class AlreadyExists(RunloreError, ValueError):
    """A run name, an artifact version or an alias is taken."""


class ValueUnstorable(RunloreError, TypeError):
    """A value cannot be turned into bytes exactly."""


class ValueUnloadable(RunloreError):
    """Stored bytes cannot be turned into a value here."""


class MissingExtra(ValueUnloadable, ImportError):
    """A library that this needs is not installed; the message names the install command."""


class UntrustedPickle(ValueUnloadable):
    """Loading would run code that this installation did not write."""


class ArtifactDeleted(RunloreError):
    """The artifact version is known, but its bytes were deleted on purpose."""


class ArtifactCorrupt(RunloreError):
    """Stored bytes are not those that were recorded."""


class ArtifactMissing(RunloreError):
    """Stored bytes are gone."""


class ArtifactChanged(RunloreError):
    """A file or folder that stays where it is differs from what was registered; the message names the first file."""


class ExportInvalid(RunloreError, ValueError):
    """A folder is no exported run, or one that is damaged or was tampered with. Nothing of it was imported."""


class StepContextError(RunloreError):
    """What was asked for exists only while a step runs."""


class RunFailed(RunloreError):
    """A run failed and no exception of the user's code tells why."""


class LeaseLost(RunloreError):
    """Another process owns this run now; nothing more is written for it here."""


class StoreError(RunloreError):
    """The record cannot be used as it is."""


class StoreLocked(StoreError):
    """Another process held the store's lock for too long."""


class StoreFull(StoreError):
    """There is no space left where the record lives."""


class StoreReadOnly(StoreError):
    """The record's folder or file cannot be written."""


class StoreTooNew(StoreError):
    """The record was written by a newer version of runlore."""


class StoreForeign(StoreError):
    """The file or folder is not a runlore record."""


class StoreCorrupt(StoreError):
    """The record's file is damaged."""
