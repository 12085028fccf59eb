"""Parameters of numpy's and pandas' types, and moments with zones, are recorded and cached exactly."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Any

import numpy
import pandas
import pytest

from runlore import Status, pipeline, step
from runlore.errors import ParameterError

pytestmark = pytest.mark.usefixtures("home")

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


@step
def keep(value: Any) -> Any:
    return [value]


@pipeline
def keeping(value: Any) -> None:
    keep(value)


@pytest.mark.parametrize(
    "value",
    [
        pandas.Timestamp("2026-01-01 12:00:00.000000001", tz="Europe/Berlin"),
        pandas.Timedelta(days=3),
        pandas.Period("2026-01", "M"),
        pandas.Interval(0, 1, closed="both"),
        {"since": pandas.NaT},
        numpy.float32(0.1),
        numpy.int8(3),
        numpy.bool_(True),
        numpy.datetime64("2026-01-01", "ns"),
        [numpy.float64(1.0), (numpy.uint16(2),)],
        dt.datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1),
    ],
    ids=repr,
)
def test_a_parameter_comes_back_as_given(value: Any) -> None:
    """A parameter reaches the step, the record and a reader with its type and zone, and is its own cache key."""
    run = keeping(value)
    recorded = run.config.parameters["value"]

    assert repr(recorded) == repr(value) and type(recorded) is type(value)
    assert repr(run.steps["keep"].output.load()) == repr([value])
    assert keeping(value).status == Status.CACHED


def test_types_that_look_alike_are_different_parameters() -> None:
    """A moment of pandas, one of Python and one in another zone are three parameters."""
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    for value in (moment, pandas.Timestamp(moment), pandas.Timestamp(moment).tz_convert(BERLIN)):
        assert keeping(value).status == Status.COMPLETED


@pytest.mark.parametrize(
    "value", [numpy.zeros(2), pandas.DataFrame(), [numpy.zeros(2)]], ids=["array", "frame", "list"]
)
def test_data_is_no_parameter(value: Any) -> None:
    """An array or frame as a parameter is refused, naming the argument, its type and the way out."""
    with pytest.raises(ParameterError, match=r"'value'.*(ndarray|DataFrame).*ExternalArtifact"):
        keeping(value)
