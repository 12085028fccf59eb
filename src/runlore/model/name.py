"""Names: what pipelines, steps, artifacts, aliases, runs, … may be called (`docs/design/semantics.md`, "Names")."""

from __future__ import annotations

from runlore.errors import NameInvalid
from runlore.model.article import with_article

LONGEST = 255
LONGEST_TAG = 500
#: References that stand for a run; a run may not be called so.
RUN_ALIASES = ("latest", "latest-successful")


def shortened(text: str, length: int) -> str:
    """The text, or its beginning and end with an ellipsis between them, in at most so many characters."""
    if len(text) <= length:
        return text
    end = (length - 1) // 2
    return f"{text[: length - 1 - end]}…{text[len(text) - end :]}"


def printable(text: str) -> str:
    """What was recorded, in one line: it may come from anyone, so what is not printable becomes ``\\x1b``, ``\\n``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def columns_of(text: str) -> int:
    """How many columns of a terminal a text takes: two for a wide character, none for one that joins the last."""
    if text.isascii():
        return len(text)
    import unicodedata  # rarely needed: most names are plain

    return sum(
        0
        if unicodedata.category(char) in ("Mn", "Me", "Cf")
        else 2
        if unicodedata.east_asian_width(char) in ("W", "F")
        else 1
        for char in text
    )


def checked_name(kind: str, name: object, *, slash: bool = False) -> str:
    """Return ``name`` in Unicode normal form C, or raise `NameInvalid` saying what is wrong with it.

    ``kind`` is the word used in the message ("pipeline", "artifact", …). ``slash`` allows ``/`` (artifact names only).
    """
    if type(name) is str and name.isascii() and name.isprintable() and 0 < len(name) <= LONGEST:
        if slash or "/" not in name:
            if not name.isspace():
                return name
    return _checked(f"{with_article(kind).capitalize()} name", name, slash=slash)


def checked_tag(tag: object) -> str:
    """Return a tag, which obeys the rules of a name, may hold ``/`` and has 500 characters at most."""
    if type(tag) is str and tag.isascii() and tag.isprintable() and 0 < len(tag) <= LONGEST_TAG and not tag.isspace():
        return tag
    return _checked("A tag name", tag, slash=True, longest=LONGEST_TAG)


def _checked(about: str, name: object, *, slash: bool, longest: int = LONGEST) -> str:
    if not isinstance(name, str):
        raise NameInvalid(f"{about} is a str; {name!r} is {with_article(type(name).__name__)}.")
    import unicodedata  # rarely needed: most names are plain

    text = unicodedata.normalize("NFC", name)
    if not text.strip():
        raise NameInvalid(f"{about} may not be empty.")
    if len(text) > longest:
        raise NameInvalid(f"{about} has at most {longest} characters; {text[:40]!r}… has {len(text)}.")
    if not slash and "/" in text:
        raise NameInvalid(f"{about} may not hold '/', which separates the parts of a pathspec: {text!r}.")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise NameInvalid(f"{about} may not hold control characters: {text!r}.")
    return text


def checked_metadata_key(key: object) -> str:
    """Return the key of a piece of metadata, which obeys the rules of a name and may hold ``/``."""
    if type(key) is str and key.isascii() and key.isprintable() and 0 < len(key) <= LONGEST and not key.isspace():
        return key
    return _checked("A metadata key", key, slash=True)


def checked_metric_name(name: object) -> str:
    """Return the name of a metric, which obeys the rules of a name and may hold ``/``."""
    if type(name) is str and name.isascii() and name.isprintable() and 0 < len(name) <= LONGEST and not name.isspace():
        return name
    return _checked("A metric's name", name, slash=True)


def checked_version(label: object) -> str:
    """Return the label of an artifact version; an int is taken as its decimal text, and ``latest`` is refused."""
    if isinstance(label, bool) or not isinstance(label, (str, int)):
        raise NameInvalid(f"An artifact version is a str or an int; {label!r} is {with_article(type(label).__name__)}.")
    text = checked_name("version", str(label))
    if text == "latest":
        raise NameInvalid("A version may not be called 'latest', which stands for the newest one.")
    return text


def checked_step_id(name: object) -> str:
    """Return a step's invocation id, which in addition may not be all digits."""
    text = checked_name("step", name)
    if text.isdigit():
        raise NameInvalid(f"A step id may not be all digits, which would read as a task's index: {text!r}.")
    return text


def checked_run_name(name: object) -> str:
    """Return a run's name, which in addition may not be all digits nor one of the aliases for a run."""
    text = checked_name("run", name)
    if text.isdigit():
        raise NameInvalid(f"A run name may not be all digits, which would read as a run's number: {text!r}.")
    if text in RUN_ALIASES:
        raise NameInvalid(f"A run may not be called {text!r}, which stands for another run.")
    return text


def checked_alias(name: object) -> str:
    """Return an alias of an artifact version, which in addition may not be all digits nor ``latest``."""
    text = checked_name("alias", name)
    if text.isdigit():
        raise NameInvalid(f"An alias may not be all digits, which would read as a version's number: {text!r}.")
    if text == "latest":
        raise NameInvalid("An alias may not be called 'latest', which stands for the newest version.")
    return text
