"""Corpus: pairs of small programs. `CHANGES` must change the fingerprint of ``step``, `HARMLESS` must not.

A program is the text of ``work.py``, which defines ``step``; a line ``--- name.py`` starts another file. An edit is
written once, as the text before and the pairs of texts to replace.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """One program before and after."""

    name: str
    before: str
    after: str

    @property
    def alone(self) -> bool:
        """Whether the program is one file, so that it can also be executed as text."""
        return "--- " not in self.before


def edit(name: str, before: str, old: str, new: str) -> Edit:
    """The edit that replaces ``old``, which occurs once, by ``new``."""
    assert before.count(old) == 1, (name, before.count(old))
    return Edit(name, before.lstrip("\n"), before.replace(old, new).lstrip("\n"))


HELPER = """
def helper(x):
    return x * 2

def step(x):
    return helper(x)
"""
MODULE = """
import helpers

def step(x):
    return helpers.scale(x)
--- helpers.py
RATE = 2
OTHER = 5

def inner(x):
    return x * RATE

def scale(x):
    return inner(x) + 1

def unused(x):
    return OTHER
"""
PACKAGE = """
import shop.pricing.tax

def step(x):
    return shop.pricing.tax.add(x)
--- shop/__init__.py
--- shop/pricing/__init__.py
--- shop/pricing/tax.py
from ..rates import VAT
from . import rounding as r

def add(x):
    return r.cents(x * VAT)
--- shop/pricing/rounding.py
def cents(x):
    return round(x, 2)
--- shop/rates.py
VAT = 1.19
"""
CLASSES = """
class Meta(type):
    def __call__(cls, *args):
        made = super().__call__(*args)
        made.bonus = 1
        return made

class Base:
    power = 2

    def score(self, x):
        return x ** self.power

class Mixin:
    @property
    def weight(self):
        return 10

    @staticmethod
    def shift(x):
        return x + 3

    @classmethod
    def build(cls):
        return cls(7)

class Model(Mixin, Base, metaclass=Meta):
    def __init__(self, n):
        self.n = n

    def __add__(self, other):
        return self.n + other

def step(x):
    model = Model.build()
    return (model + model.score(x)) * model.weight + Model.shift(x) + model.bonus
"""
CLOSURE = """
def make(rate, scale):
    def step(x):
        return scale(x) * rate
    return step

def double(x):
    return x * 2

step = make(0.5, double)
"""
DECORATED = """
import functools

def times(n):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args):
            return function(*args) * n
        return wrapper
    return decorate

@times(3)
def helper(x):
    return x + 1

def step(x):
    return helper(x)
"""
DISPATCH = """
import functools

def add(x):
    return x + 1

def square(x):
    return x * x

TABLE = {"add": add, "square": square, "neg": lambda x: -x}
ORDER = [add, square]

@functools.singledispatch
def kind(x):
    return 0

@kind.register
def _(x: int):
    return 1

def step(x):
    return TABLE["add"](x) + sum(f(x) for f in ORDER) + kind(x)
"""
CONSTANTS = """
import datetime, decimal, enum, pathlib, re, dataclasses, collections

class Colour(enum.Enum):
    RED = 1
    BLUE = 2

@dataclasses.dataclass
class Config:
    rate: float = 0.1
    names: list = dataclasses.field(default_factory=lambda: ["a"])

Point = collections.namedtuple("Point", "x y")
A = 1
B = "text"
C = [1, 2, {"k": (3, 4)}]
D = {"one", "two"}
E = decimal.Decimal("1.10")
F = datetime.datetime(2026, 1, 1)
G = re.compile("ab+")
H = Colour.RED
I = Config()
J = pathlib.PurePosixPath("a/b")
K = Point(1, 2)
L = 0.0
M = True
N = b"raw"
O = {"first": 1, "second": 2}

def step(x):
    return A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, Config(rate=x)
"""
IMPORTS = """
def step(x):
    import helpers as h
    from helpers import tail
    from pack import leaf
    import pack.deep.core
    import pack.deep.twig as twig
    return h.head(x) + tail(x) + leaf.grow(x) + pack.deep.core.run(x) + twig.bend(x)
--- helpers.py
def head(x):
    return x + 1

def tail(x):
    return x + 2
--- pack/__init__.py
--- pack/leaf.py
def grow(x):
    return x + 3
--- pack/deep/__init__.py
--- pack/deep/core.py
def run(x):
    return x + 4
--- pack/deep/twig.py
def bend(x):
    return x + 5
"""
DYNAMIC = """
import helpers

def step(x, name="one"):
    return getattr(helpers, name)(x)
--- helpers.py
LIMIT = 9

def one(x):
    return x + 1

def two(x):
    return x + 2
"""
GLOBALS = """
RATE = 4

def one(x):
    return x + RATE

def two(x):
    return x + 22

def step(x, name="one"):
    return globals()[name](x)
"""
LITERAL = """
import importlib

def step(x):
    return importlib.import_module("helpers").one(x)
--- helpers.py
def one(x):
    return x + 1
"""
PARTIAL = """
import functools

def power(x, n):
    return x ** n

square = functools.partial(power, n=2)

@functools.lru_cache(maxsize=None)
def cached(x):
    return x + 1

class Callable:
    def __init__(self, k):
        self.k = k

    def __call__(self, x):
        return x * self.k

    def method(self, x):
        return x + self.k

call = Callable(5)
bound = Callable(6).method

class Adder:
    k = 7

    def go(self, x):
        return x + self.k

def step(x, *, extra=8, table=(1, 2)):
    return square(x) + cached(x) + call(x) + bound(x) + Adder().go(x) + extra
"""
STAR = """
from helpers import *

def step(x):
    return one(x)
--- helpers.py
def one(x):
    return x + 1
"""
REEXPORT = """
from facade import compute

def step(x):
    return compute(x)
--- facade.py
from engine import compute
--- engine.py
import constants as c

def compute(x):
    return x * c.FACTOR
--- constants.py
FACTOR = 3
"""
SUBCLASSES = """
class Plugin:
    def run(self, x):
        return x

class First(Plugin):
    def run(self, x):
        return x + 1

def step(x):
    return sum(plugin().run(x) for plugin in Plugin.__subclasses__())
"""
REGISTRY = """
REGISTRY = {}

def register(name):
    def keep(function):
        REGISTRY[name] = function
        return function
    return keep

@register("one")
def one(x):
    return x + 1

def step(x):
    return REGISTRY["one"](x)
"""
INSTALLED = """
import math
import json as codec
from os.path import join

def step(x):
    return math.sin(x), codec.dumps(x), join("a", "b")
"""
DOC = '''
def helper(x):
    """Prompt: be kind."""
    return x

def step(x):
    return helper.__doc__
'''
DESCRIPTORS = """
import functools

class Positive:
    def __init__(self, floor):
        self.floor = floor

    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, instance, owner):
        return max(self.floor, 2)

class Thing:
    size = Positive(1)
    __slots__ = ()

    def __getattr__(self, name):
        return 4

class Lazy:
    @functools.cached_property
    def value(self):
        return 5

def step(x):
    return Thing().size + Thing().other + Lazy().value
"""
NESTED = """
LIMIT = 10

def step(x):
    def inner(y):
        return [z + LIMIT for z in range(y)]
    class Local:
        def go(self):
            return offset()
    return inner(x), Local().go(), (lambda: LAST)()

def offset():
    return 3

LAST = 1
"""
GENERATORS = """
import contextlib

@contextlib.contextmanager
def scope(n):
    yield n + 1

async def fetch(x):
    return x + 1

def numbers():
    yield 1

def step(x):
    with scope(1) as n:
        return n, fetch, list(numbers())
"""
ARRAYS = """
import numpy as np

WEIGHTS = np.array([1.0, 2.0, 3.0])
WORDS = np.array(["a", None], dtype=object)
KIND = np.float32(1.5)

def step(x):
    return np.dot(WEIGHTS, x), WORDS, KIND
"""
STEPPED = """
from runlore import step as runlore_step

@runlore_step
def helper(x: int) -> int:
    return x + 1

@runlore_step
def step(x: int) -> int:
    return helper(x)
"""
PATCHED = """
import helpers

def better(x):
    return x + 100

helpers.one = better

def step(x):
    return helpers.one(x)
--- helpers.py
def one(x):
    return x + 1
"""
LAZY_MODULE = """
import helpers

def step(x):
    return helpers.made
--- helpers.py
VALUE = 7

def __getattr__(name):
    return VALUE
"""
HINTED = """
class Config:
    rate = 1

def build(function):
    from typing import get_type_hints
    made = get_type_hints(function)["config"]
    def wrapper(x):
        return function(made())
    return wrapper

@build
def helper(config: "Config"):
    return config.rate

def step(x):
    return helper(x)
"""
LOGGED = """
import logging, threading

log = logging.getLogger("a")
lock = threading.Lock()

def step(x):
    with lock:
        log.info("x")
    return x
"""
STATEFUL = """
COUNT = 1

def step(x):
    global COUNT
    COUNT = COUNT + x
    return COUNT
"""
RECURSIVE = """
def even(n):
    return True if n == 0 else odd(n - 1)

def odd(n):
    return False if n == 0 else even(n - 1)

def step(x):
    return even(x)
"""
EVALUATED_DEFAULT = """
def pick():
    return 3

def step(x, chosen=pick()):
    return x + chosen
"""

MODELS = """
import pydantic

class Rate(pydantic.BaseModel):
    low: float = pydantic.Field(default=0.1, ge=0)
    names: list = pydantic.Field(default_factory=lambda: ["a"])

    @pydantic.field_validator("low", mode="before")
    @classmethod
    def check(cls, value):
        return value

    @pydantic.computed_field
    @property
    def double(self) -> float:
        return self.low * 2

@pydantic.validate_call
def checked(x: int):
    return x

RATE = Rate()

def step(x):
    return RATE, checked(x)
"""
LIBRARIES = """
import pandas as pd
from sklearn.linear_model import LogisticRegression
import numpy as np
import random, weakref, types, array, collections

FRAME = pd.DataFrame({"a": [1, 2]})
MODEL = LogisticRegression(C=0.5)
RNG = np.random.default_rng(7)
DRAW = random.Random(8).random
SPACE = types.SimpleNamespace(k=9)
CODES = array.array("i", [10])
BYTES = bytearray(b"eleven")
QUEUE = collections.deque([12])
DEFAULTS = collections.defaultdict(lambda: 13)
each = np.vectorize(lambda x: x + 14)
ADD = np.add

class Kept:
    v = 15

kept = Kept()
reference = weakref.ref(kept)

class Scaled(LogisticRegression):
    def score(self, X, y):
        return 16

def step(x):
    return FRAME, MODEL, RNG, DRAW(), SPACE, CODES, BYTES, QUEUE, DEFAULTS, each(x), ADD, reference().v, Scaled()
"""
SELF = """
import helpers

def step(x):
    return helpers.__dict__[x](x)
--- helpers.py
def one(x):
    return x + 1
"""
INHERITED = """
import abc, enum, functools, typing
T = typing.TypeVar("T")

class Shape(abc.ABC):
    def __init_subclass__(cls, **options):
        cls.sides = 1

    @abc.abstractmethod
    def area(self): ...

class Square(Shape, typing.Generic[T]):
    def area(self):
        return super().__repr__(), 2

    @functools.singledispatchmethod
    def grow(self, x):
        return 3

    @grow.register
    def _(self, x: int):
        return 4

    twice = functools.partialmethod(grow, 5)

    @functools.lru_cache
    def kept(self):
        return 6

class Flags(enum.Flag):
    A = enum.auto()
    B = 8

    def shown(self):
        return 9

class Words(list):
    pass

WORDS = Words(["ten"])

@functools.total_ordering
class Size:
    def __lt__(self, other):
        return 11

def step(x):
    return Square().grow(x), Flags.A.shown(), WORDS, Size() > Size()
"""

REPLACED = """
import builtins, colorsys, fractions, functools

def shade(k, *args):
    return k

colorsys.rgb_to_hsv = lambda *args: 1
colorsys.hsv_to_rgb = functools.partial(shade, 2)
fractions.Fraction.corpus_method = lambda self: 3
builtins.corpus_constant = 4

def step(x):
    import fractions as f
    return colorsys.rgb_to_hsv(x), colorsys.hsv_to_rgb(x), f.Fraction(1).corpus_method(), corpus_constant
"""
MADE = """
import abc, collections, dataclasses, enum, functools, operator, types, typing

Row = dataclasses.make_dataclass("Row", [("x", int, 1)])
Typed = type("Typed", (), {"k": 2, "go": lambda self: 3})
Kind = enum.Enum("Kind", {"A": 4})

class Point(typing.NamedTuple):
    x: int = 5

    def total(self):
        return self.x + 6

class Shape(abc.ABC):
    pass

class Square:
    pass

Shape.register(Square)

class Base:
    known = {}

    def __init_subclass__(cls, **options):
        Base.known[cls.__name__] = cls

class Heir(Base):
    def go(self):
        return 7

class Meta(type):
    def __getattr__(cls, name):
        return 8

    @classmethod
    def __prepare__(meta, name, bases):
        return {"prepared": 9}

class Odd(metaclass=Meta):
    pass

def mark(n):
    def decorate(cls):
        cls.mark = n
        return cls
    return decorate

@mark(10)
class Marked:
    __match_args__ = ("x", "y")
    plain = 11

Marked.plain = 12
Marked.late = property(lambda self: 13)

class Plain:
    pass

patched = Plain()
patched.go = lambda: 14
namespace = {"K": 15}
exec("def made(x): return x * K", namespace)
made = namespace["made"]
elsewhere = types.FunctionType((lambda x: x + K).__code__, {"K": 16})
key = operator.itemgetter(17)
total = functools.partial(functools.reduce, lambda a, b: a + 18)
CASES = [lambda x, k=k: x + k for k in (19, 20)]

@functools.singledispatch
def kind(x):
    return 0

def late(x):
    return 21

kind.register(int, late)

class Doubled:
    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner):
        return self.name * 22

    def __set__(self, instance, value):
        instance.__dict__["v"] = value + 23

class Owner:
    doubled = Doubled()

    def __class_getitem__(cls, key):
        return 24

async def ticks():
    for tick in range(25):
        yield tick

def collect():
    kept = [26]
    def inner():
        return kept
    kept.append(27)
    return inner

collected = collect()

def step(x):
    match Marked():
        case Marked(a, b):
            pass
    return (
        Row(), Typed().go(), Kind.A, Point().total(), issubclass(Square, Shape), Base.known["Heir"]().go(), Odd.any,
        Odd.prepared, Marked.mark, Marked.plain, Marked().late, patched.go(), made(x), elsewhere(x), key(x), total(x),
        CASES[0](x), kind(x), Owner.doubled, Owner[x], ticks, collected(),
    )
"""
LAZY_PACKAGE = """
import pack

try:
    import corpus_absent as chosen
except ImportError:
    import slow as chosen

def step(x):
    from space import part
    return pack.go(x) + chosen.go(x) + part.K + pack.star(x)
--- pack/__init__.py
import importlib
from .stars import *

def __getattr__(name):
    return getattr(importlib.import_module("pack.inner"), name)
--- pack/inner.py
def go(x):
    return x + 1
--- pack/stars.py
from .deep.core import star
__all__ = ["star"]
--- pack/deep/__init__.py
--- pack/deep/core.py
def star(x):
    from .. import limits
    return x + limits.TOP
--- pack/limits.py
TOP = 2
--- slow.py
def go(x):
    return x + 3
--- space/part.py
K = 4
"""
PASSED_ON = """
import operator
import config

TABLE = {"config": config}
get = operator.attrgetter("second")

def look(module):
    return module.first

def step(x):
    return look(config), get(config), "{0.third}".format(config), TABLE["config"].fourth, config.__all__, dir(config)
--- config.py
__all__ = ["first"]
first = 1
second = 2
third = 3
fourth = 4
"""
LAYOUT = """
import numpy as np

TABLE = np.ones((2, 3))
FROZEN = np.zeros(3)
FROZEN.flags.writeable = False

def step(x):
    return TABLE.ravel(order="K"), FROZEN
"""
METHODS = """
class A:
    def first(self):
        return 1

    def second(self):
        return 2

def step(x):
    return A()
"""

CHANGES = [
    edit("replaced-installed-function", REPLACED, "*args: 1", "*args: 11"),
    edit("replaced-installed-function-by-partial", REPLACED, "shade, 2", "shade, 22"),
    edit("method-put-into-installed-class", REPLACED, "self: 3", "self: 33"),
    edit("name-put-into-builtins", REPLACED, "corpus_constant = 4", "corpus_constant = 44"),
    edit("make-dataclass", MADE, "int, 1)", "int, 100)"),
    edit("type-called-attribute", MADE, '"k": 2', '"k": 200'),
    edit("type-called-method", MADE, "self: 3}", "self: 300}"),
    edit("enum-called", MADE, '"A": 4', '"A": 400'),
    edit("typing-namedtuple-default", MADE, "x: int = 5", "x: int = 500"),
    edit("typing-namedtuple-method", MADE, "self.x + 6", "self.x + 600"),
    edit("abstract-registration", MADE, "Shape.register(Square)\n", ""),
    edit("registered-by-init-subclass", MADE, "return 7", "return 700"),
    edit("metaclass-getattr", MADE, "return 8", "return 800"),
    edit("metaclass-prepare", MADE, '"prepared": 9', '"prepared": 900'),
    edit("class-decorator-argument", MADE, "@mark(10)", "@mark(1000)"),
    edit("match-args", MADE, '("x", "y")', '("y", "x")'),
    edit("class-attribute-set-later", MADE, "plain = 12", "plain = 1200"),
    edit("property-set-later", MADE, "self: 13)", "self: 1300)"),
    edit("method-set-on-instance", MADE, "lambda: 14", "lambda: 1400"),
    edit("exec-made-constant", MADE, '"K": 15', '"K": 1500'),
    edit("exec-made-body", MADE, "return x * K", "return x / K"),
    edit("function-with-other-globals", MADE, '"K": 16', '"K": 1600'),
    edit("itemgetter", MADE, "itemgetter(17)", "itemgetter(1700)"),
    edit("lambda-in-partial", MADE, "a + 18", "a + 1800"),
    edit("lambdas-of-a-comprehension", MADE, "(19, 20)", "(19, 2000)"),
    edit("singledispatch-registered-later", MADE, "return 21", "return 2100"),
    edit("descriptor-get", MADE, "self.name * 22", "self.name * 2200"),
    edit("descriptor-set", MADE, "value + 23", "value + 2300"),
    edit("descriptor-set-name", MADE, "self.name = name", "self.name = name + name"),
    edit("class-getitem", MADE, "return 24", "return 2400"),
    edit("async-generator", MADE, "range(25)", "range(2500)"),
    edit("closure-over-a-list", MADE, "append(27)", "append(2700)"),
    edit("lazy-package-attribute", LAZY_PACKAGE, "x + 1", "x + 11"),
    edit("relative-import-within-function", LAZY_PACKAGE, "TOP = 2", "TOP = 22"),
    edit("conditional-import", LAZY_PACKAGE, "x + 3", "x + 33"),
    edit("namespace-package", LAZY_PACKAGE, "K = 4", "K = 44"),
    edit("module-passed-to-helper", PASSED_ON, "first = 1", "first = 11"),
    edit("attrgetter-of-module", PASSED_ON, "second = 2", "second = 22"),
    edit("format-of-module", PASSED_ON, "third = 3", "third = 33"),
    edit("module-in-a-table", PASSED_ON, "fourth = 4", "fourth = 44"),
    edit("dunder-all", PASSED_ON, '["first"]', '["first", "second"]'),
    edit("dir-of-module", PASSED_ON, "fourth = 4", "fourth = 4\nfifth = 5"),
    edit("array-order", LAYOUT, "np.ones((2, 3))", "np.asfortranarray(np.ones((2, 3)))"),
    edit("array-read-only", LAYOUT, "writeable = False", "writeable = True"),
    edit("pydantic-default", MODELS, "default=0.1", "default=0.2"),
    edit("pydantic-constraint", MODELS, "ge=0", "gt=0"),
    edit("pydantic-default-factory", MODELS, '["a"]', '["b"]'),
    edit("pydantic-validator", MODELS, "return value", "return value or 1"),
    edit("pydantic-validator-mode", MODELS, '"before"', '"after"'),
    edit("pydantic-computed-field", MODELS, "self.low * 2", "self.low * 3"),
    edit("pydantic-validate-call", MODELS, "return x\n", "return x + 1\n"),
    edit("frame", LIBRARIES, "[1, 2]", "[1, 3]"),
    edit("estimator-setting", LIBRARIES, "C=0.5", "C=0.6"),
    edit("estimator-subclass", LIBRARIES, "return 16", "return 17"),
    edit("numpy-generator-seed", LIBRARIES, "default_rng(7)", "default_rng(70)"),
    edit("bound-random-seed", LIBRARIES, "Random(8)", "Random(80)"),
    edit("simple-namespace", LIBRARIES, "k=9", "k=90"),
    edit("array-module", LIBRARIES, "[10]", "[11]"),
    edit("bytearray", LIBRARIES, 'b"eleven"', 'b"twelve"'),
    edit("deque", LIBRARIES, "[12]", "[13]"),
    edit("defaultdict-factory", LIBRARIES, "lambda: 13", "lambda: 14"),
    edit("numpy-vectorize", LIBRARIES, "x + 14", "x - 14"),
    edit("numpy-ufunc", LIBRARIES, "np.add", "np.subtract"),
    edit("weak-reference", LIBRARIES, "v = 15", "v = 16"),
    edit("module-dict", SELF, "x + 1", "x + 2"),
    edit("init-subclass", INHERITED, "cls.sides = 1", "cls.sides = 2"),
    edit("abstract-implementation", INHERITED, "(), 2", "(), 3"),
    edit("singledispatchmethod", INHERITED, "return 3", "return 33"),
    edit("singledispatchmethod-case", INHERITED, "return 4", "return 44"),
    edit("partialmethod", INHERITED, "(grow, 5)", "(grow, 6)"),
    edit("lru-cached-method", INHERITED, "return 6", "return 7"),
    edit("flag-value", INHERITED, "B = 8", "B = 16"),
    edit("enum-method", INHERITED, "return 9", "return 10"),
    edit("list-subclass-content", INHERITED, '["ten"]', '["eleven"]'),
    edit("total-ordering", INHERITED, "return 11", "return 12"),
    edit("step-body", HELPER, "return helper(x)", "return helper(x) + 1"),
    edit("helper-body", HELPER, "x * 2", "x * 3"),
    edit("helper-operator", HELPER, "x * 2", "x + 2"),
    edit("literal-type", HELPER, "x * 2", "x * 2.0"),
    edit("literal-bool", EVALUATED_DEFAULT, "return 3", "return 3.0"),
    edit("default-evaluated", EVALUATED_DEFAULT, "return 3", "return 4"),
    edit("helper-gains-branch", HELPER, "    return x * 2", "    if x: return 0\n    return x * 2"),
    edit("helper-async", GENERATORS, "async def fetch(x):\n    return x + 1", "async def fetch(x):\n    return x + 2"),
    edit("generator-body", GENERATORS, "yield 1", "yield 2"),
    edit("context-manager", GENERATORS, "yield n + 1", "yield n + 2"),
    edit("module-function", MODULE, "inner(x) + 1", "inner(x) + 2"),
    edit("module-function-deeper", MODULE, "x * RATE", "x * RATE * 2"),
    edit("module-constant", MODULE, "RATE = 2", "RATE = 3"),
    edit("module-rebound-at-end", MODULE, "return OTHER\n", "return OTHER\ninner = unused\n"),
    edit("package-function", PACKAGE, "round(x, 2)", "round(x, 3)"),
    edit("package-constant", PACKAGE, "1.19", "1.2"),
    edit("package-relative-import", PACKAGE, "from . import rounding as r", "import math as r; r.cents = round"),
    edit("class-base-attribute", CLASSES, "power = 2", "power = 3"),
    edit("class-base-method", CLASSES, "x ** self.power", "x * self.power"),
    edit("class-property", CLASSES, "return 10", "return 11"),
    edit("class-staticmethod", CLASSES, "x + 3", "x + 4"),
    edit("class-classmethod", CLASSES, "cls(7)", "cls(8)"),
    edit("class-init", CLASSES, "self.n = n", "self.n = n + 1"),
    edit("class-operator", CLASSES, "self.n + other", "self.n - other"),
    edit("class-metaclass", CLASSES, "bonus = 1", "bonus = 2"),
    edit("class-bases-order", CLASSES, "Model(Mixin, Base,", "Model(Base, Mixin,"),
    edit("class-base-dropped", CLASSES, "Model(Mixin, Base,", "Model(Mixin,"),
    edit(
        "class-gains-method", CLASSES, "    def __add__", "    def score(self, x):\n        return 1\n\n    def __add__"
    ),
    edit("closure-value", CLOSURE, "make(0.5", "make(0.6"),
    edit("closure-function", CLOSURE, "x * 2", "x * 3"),
    edit("decorator-argument", DECORATED, "@times(3)", "@times(4)"),
    edit("decorator-wrapper", DECORATED, "(*args) * n", "(*args) + n"),
    edit("decorated-function", DECORATED, "x + 1", "x + 2"),
    edit("decorator-removed", DECORATED, "@times(3)\n", ""),
    edit("dispatch-dict-function", DISPATCH, "return x + 1", "return x + 2"),
    edit("dispatch-dict-rebound", DISPATCH, '"add": add', '"add": square'),
    edit("dispatch-lambda", DISPATCH, "lambda x: -x", "lambda x: +x"),
    edit("dispatch-list", DISPATCH, "[add, square]", "[square, add]"),
    edit("singledispatch-case", DISPATCH, "return 1\n", "return 2\n"),
    edit("singledispatch-default", DISPATCH, "return 0", "return -1"),
    edit("singledispatch-type", DISPATCH, "x: int", "x: float"),
    edit("constant-int", CONSTANTS, "A = 1", "A = 2"),
    edit("constant-int-to-bool", CONSTANTS, "A = 1", "A = True"),
    edit("constant-int-to-float", CONSTANTS, "A = 1", "A = 1.0"),
    edit("constant-str", CONSTANTS, '"text"', '"texT"'),
    edit("constant-nested", CONSTANTS, "(3, 4)", "(3, 5)"),
    edit("constant-nested-type", CONSTANTS, "(3, 4)", "[3, 4]"),
    edit("constant-set", CONSTANTS, '"two"}', '"three"}'),
    edit("constant-decimal-exponent", CONSTANTS, "1.10", "1.1"),
    edit("constant-datetime", CONSTANTS, "2026, 1, 1", "2026, 1, 2"),
    edit("constant-pattern", CONSTANTS, "ab+", "ab*"),
    edit("constant-enum-member", CONSTANTS, "H = Colour.RED", "H = Colour.BLUE"),
    edit("constant-enum-value", CONSTANTS, "RED = 1", "RED = 10"),
    edit("dataclass-default", CONSTANTS, "rate: float = 0.1", "rate: float = 0.2"),
    edit("dataclass-default-factory", CONSTANTS, '["a"]', '["b"]'),
    edit("dataclass-frozen", CONSTANTS, "@dataclasses.dataclass", "@dataclasses.dataclass(frozen=True)"),
    edit("dataclass-instance", CONSTANTS, "I = Config()", "I = Config(rate=3.0)"),
    edit("constant-path", CONSTANTS, '"a/b"', '"a/c"'),
    edit("constant-namedtuple", CONSTANTS, "Point(1, 2)", "Point(2, 1)"),
    edit("namedtuple-fields", CONSTANTS, '"x y"', '"y x"'),
    edit("constant-negative-zero", CONSTANTS, "L = 0.0", "L = -0.0"),
    edit("constant-bool-to-int", CONSTANTS, "M = True", "M = 1"),
    edit("constant-bytes-to-str", CONSTANTS, 'b"raw"', '"raw"'),
    edit("constant-dict-order", CONSTANTS, '"first": 1, "second": 2', '"second": 2, "first": 1'),
    edit("local-import-alias", IMPORTS, "x + 1", "x + 11"),
    edit("local-from-import", IMPORTS, "x + 2", "x + 22"),
    edit("local-from-package-import-module", IMPORTS, "x + 3", "x + 33"),
    edit("local-dotted-import", IMPORTS, "x + 4", "x + 44"),
    edit("local-dotted-import-as", IMPORTS, "x + 5", "x + 55"),
    edit("getattr-other-function", DYNAMIC, "x + 2", "x + 22"),
    edit("getattr-constant", DYNAMIC, "LIMIT = 9", "LIMIT = 10"),
    edit("globals-function", GLOBALS, "x + 22", "x + 23"),
    edit("globals-constant", GLOBALS, "RATE = 4", "RATE = 5"),
    edit("import-module-literal", LITERAL, "x + 1", "x + 2"),
    edit("partial-function", PARTIAL, "x ** n", "n ** x"),
    edit("partial-keyword", PARTIAL, "n=2", "n=3"),
    edit("lru-cache-function", PARTIAL, "    return x + 1", "    return x + 2"),
    edit("callable-instance-state", PARTIAL, "Callable(5)", "Callable(50)"),
    edit("callable-instance-code", PARTIAL, "x * self.k", "x / self.k"),
    edit("bound-method-state", PARTIAL, "Callable(6)", "Callable(60)"),
    edit("class-attribute", PARTIAL, "k = 7", "k = 70"),
    edit("keyword-default", PARTIAL, "extra=8", "extra=9"),
    edit("tuple-default", PARTIAL, "table=(1, 2)", "table=(1, 3)"),
    edit("star-import", STAR, "x + 1", "x + 2"),
    edit("re-export-constant", REEXPORT, "FACTOR = 3", "FACTOR = 4"),
    edit("re-export-source", REEXPORT, "x * c.FACTOR", "x + c.FACTOR"),
    edit("subclass-changed", SUBCLASSES, "x + 1", "x + 2"),
    edit("subclass-added", SUBCLASSES, "def step", "class Second(Plugin):\n    pass\n\ndef step"),
    edit("registry-function", REGISTRY, "x + 1", "x + 2"),
    edit("installed-function", INSTALLED, "math.sin", "math.cos"),
    edit("installed-module-alias", INSTALLED, "import json as codec", "import pickle as codec"),
    edit("installed-from-import", INSTALLED, "import join", "import commonpath as join"),
    edit("docstring-that-is-read", DOC, "be kind", "be brief"),
    edit("descriptor-state", DESCRIPTORS, "Positive(1)", "Positive(5)"),
    edit("descriptor-code", DESCRIPTORS, "self.floor, 2", "self.floor, 3"),
    edit("class-getattr", DESCRIPTORS, "return 4", "return 44"),
    edit("cached-property", DESCRIPTORS, "return 5", "return 55"),
    edit("nested-comprehension-global", NESTED, "LIMIT = 10", "LIMIT = 11"),
    edit("nested-class-helper", NESTED, "return 3", "return 4"),
    edit("nested-lambda-global", NESTED, "LAST = 1", "LAST = 2"),
    edit("array-element", ARRAYS, "3.0]", "4.0]"),
    edit("array-dtype", ARRAYS, "2.0, 3.0]", "2.0, 3.0], dtype=np.float32"),
    edit("array-of-objects", ARRAYS, '"a", None', '"b", None'),
    edit("array-scalar", ARRAYS, "np.float32(1.5)", "np.float64(1.5)"),
    edit("step-of-runlore", STEPPED, "return helper(x)", "return helper(x) + 1"),
    edit("step-called-by-step", STEPPED, "x + 1", "x + 2"),
    edit("monkeypatched-module", PATCHED, "x + 100", "x + 200"),
    edit("module-getattr", LAZY_MODULE, "VALUE = 7", "VALUE = 8"),
    edit("class-in-annotation", HINTED, "rate = 1", "rate = 2"),
    edit("global-state", STATEFUL, "COUNT = 1", "COUNT = 2"),
    edit("recursion", RECURSIVE, "False if", "None if"),
    edit("missing-name-defined", HELPER.replace("x * 2", "x * FACTOR"), "def step", "FACTOR = 2\n\ndef step"),
    edit("builtin-shadowed", HELPER.replace("x * 2", "abs(x)"), "def step", "def abs(x): return 1\n\ndef step"),
]

HARMLESS = [
    edit("comment-in-step", HELPER, "    return helper(x)", "    # why\n    return helper(x)"),
    edit("comment-in-helper", HELPER, "x * 2", "x * 2  # twice"),
    edit("blank-lines", HELPER, "def step", "\n\n\n\ndef step"),
    edit("formatting", HELPER, "x * 2", "x   *   2"),
    edit("parentheses", HELPER, "return x * 2", "return (\n        x * 2\n    )"),
    edit("docstring-added", HELPER, "    return x * 2", '    """Say."""\n    return x * 2'),
    edit("docstring-of-step", HELPER, "    return helper(x)", '    """Say."""\n    return helper(x)'),
    edit("quotes", CONSTANTS, '"text"', "'text'"),
    edit("number-spelling", HELPER, "x * 2", "x * 0b10"),
    edit("unused-function", MODULE, "return OTHER", "return OTHER + 1"),
    edit("unused-constant", MODULE, "OTHER = 5", "OTHER = 6"),
    edit("unused-function-added", HELPER, "def step", "def other():\n    return 1\n\ndef step"),
    edit("unused-import-added", HELPER, "def helper", "import math\n\ndef helper"),
    edit("unused-module-in-package", PACKAGE, "VAT = 1.19", "VAT = 1.19\nDUTY = 3"),
    edit("class-docstring", CLASSES, "    power = 2", '    """Say."""\n    power = 2'),
    edit("method-comment", CLASSES, "return 10", "return 10  # kilos"),
    edit(
        "order-of-definitions",
        RECURSIVE,
        "def step(x):\n    return even(x)\n",
        "def step(x):\n    return even(x)\n\nA = 1\n",
    ),
    edit("set-order", CONSTANTS, '{"one", "two"}', '{"two", "one"}'),
    edit("logger-name", LOGGED, 'getLogger("a")', 'getLogger("b")'),
    edit("lock-new", LOGGED, "threading.Lock()", "(threading.Lock())"),
    edit("module-docstring", HELPER, "def helper", '"""Module."""\n\ndef helper'),
    edit("constant-spelling", CONSTANTS, "A = 1\n", "A = 2 - 1\n"),
    edit("decorator-comment", DECORATED, "@times(3)", "@times(3)  # thrice"),
    edit("runlore-decorator-options", STEPPED, "@runlore_step\ndef step", "@runlore_step(enable_cache=True)\ndef step"),
    edit("runlore-decorator-removed", STEPPED, "@runlore_step\ndef helper", "def helper"),
    edit("order-of-functions", RECURSIVE, "def odd", "def unused(n):\n    return n\n\ndef odd"),
    edit(
        "order-of-methods",
        METHODS,
        "    def first(self):\n        return 1\n\n    def second(self):\n        return 2\n",
        "    def second(self):\n        return 2\n\n    def first(self):\n        return 1\n",
    ),
    edit("lambda-wrapped-in-parentheses", DISPATCH, "lambda x: -x", "(lambda x:\n    -x)"),
    edit("string-spelling", DYNAMIC, 'name="one"', 'name="o" "ne"'),
    edit("constant-folding", MODULE, "RATE = 2", "RATE = (1 + 1)"),
    edit("pass-in-class", PARTIAL, "    k = 7", "    k = 7\n    pass"),
    edit("docstring-of-inner-function", NESTED, "        return [z", '        """Say."""\n        return [z'),
    edit("future-import", HELPER, "def helper", "from __future__ import annotations\n\ndef helper"),
    edit("unused-name-beside-star", STAR, "def one", "TWO = 2\n\ndef one"),
    edit("logger-in-class", LOGGED, "lock =", "class Named:\n    log = logging.getLogger('c')\n\nlock ="),
    edit("layout-of-c-order", LAYOUT, "np.ones((2, 3))", "np.ascontiguousarray(np.ones((2, 3)))"),
    edit("unused-local-module", IMPORTS, "x + 5", "x + 5\n\ndef unused():\n    return 0"),
]

#: Programs without an identity, and a word that the reason has to hold.
UNCACHEABLE = [
    ("eval", "def step(x):\n    return eval(x)\n", "eval"),
    ("exec", "def helper(x):\n    exec(x)\n\ndef step(x):\n    return helper(x)\n", "work.helper calls exec"),
    ("import-computed", "import importlib\n\ndef step(x):\n    return importlib.import_module(x)\n", "import_module"),
    ("dunder-import", "def step(x):\n    return __import__(x)\n", "__import__"),
    ("sys-modules", "import sys\n\ndef step(x):\n    return sys.modules[x]\n", "sys.modules"),
    ("eval-in-a-table", "TABLE = {'e': eval}\n\ndef step(x):\n    return TABLE['e'](x)\n", "builtins.eval"),
    ("eval-of-module", "import builtins\n\ndef step(x):\n    return builtins.eval(x)\n", "eval"),
    ("import-aliased", "import importlib as i\nf = i.import_module\n\ndef step(x):\n    return f(x)\n", "computed"),
    ("import-local", "def step(x):\n    from importlib import import_module as f\n    return f(x)\n", "computed"),
    ("run-path", "def step(x):\n    import runpy\n    return runpy.run_path(x)\n", "runpy.run_path"),
    ("modules-aliased", "from sys import modules\n\ndef step(x):\n    return modules[x]\n", "sys.modules"),
    ("frame-globals", "import inspect\n\ndef step(x):\n    return inspect.currentframe().f_globals\n", "f_globals"),
    ("buffer", "VIEW = memoryview(b'x')\n\ndef step(x):\n    return VIEW\n", "`VIEW`"),
    ("generator", "NUMBERS = (n for n in range(3))\n\ndef step(x):\n    return NUMBERS\n", "generator"),
    ("thread-local", "import threading\nLOCAL = threading.local()\n\ndef step(x):\n    return LOCAL\n", "local"),
    ("source-text", "import inspect\n\ndef step(x):\n    return inspect.getsource(step)\n", "getsource"),
    ("comparison-key", "import functools\nK = functools.cmp_to_key(min)\n\ndef step(x):\n    return K\n", "`K`"),
    ("view-of-a-dict", "V = {1: 2}.items()\n\ndef step(x):\n    return V\n", "dict_items"),
    (
        "context-variable",
        "import contextvars\nV = contextvars.ContextVar('v')\n\ndef step(x):\n    return V.get()\n",
        "ContextVar",
    ),
    ("within-a-list", "KEPT = [(1, iter(()), (n for n in ()))]\n\ndef step(x):\n    return KEPT\n", "`KEPT`"),
]
