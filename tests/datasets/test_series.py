"""Sunspots and carbon dioxide: the bundled figures, and what stands for the gaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cnnlite.datasets import co2, sunspots
from cnnlite.errors import DataNotFoundError, FileFormatError


def test_sunspots():
    years, numbers = sunspots.load_data()
    assert (years.dtype, numbers.dtype) == (np.int32, np.float32)
    np.testing.assert_array_equal(years, np.arange(1700, 2009))
    assert numbers.shape == (309,)
    # Rows of the file: 1700, the most (1957), the least (0, thrice), 2008.
    assert numbers[0] == 5 and numbers[-1] == np.float32(2.9)
    assert years[numbers.argmax()] == 1957 and numbers.max() == np.float32(190.2)
    assert years[numbers == 0].tolist() == [1711, 1712, 1810]


def test_co2():
    dates, ppm = co2.load_data()
    assert (dates.dtype, ppm.dtype) == (np.dtype("datetime64[D]"), np.float32)
    assert dates.shape == ppm.shape == (2284,)
    assert dates[0] == np.datetime64("1958-03-29") and dates[-1] == np.datetime64("2001-12-29")
    assert set(np.diff(dates).astype(int)) == {7}
    assert np.isnan(ppm).sum() == 59
    assert ppm[0] == np.float32(316.1) and ppm[-1] == np.float32(371.5)


def test_co2_gaps_are_filled_by_straight_lines():
    gaps = np.isnan(co2.load_data()[1])
    ppm, filled = co2.load_data()[1], co2.load_data(fill="linear")[1]
    assert not np.isnan(filled).any() and filled.dtype == np.float32
    np.testing.assert_array_equal(filled[~gaps], ppm[~gaps])
    # Weeks 9 to 13 lie between week 8, 317.9, and week 14, 315.8: steps of -2.1 / 6.
    assert ppm[8] == np.float32(317.9) and ppm[14] == np.float32(315.8)
    assert gaps[9:14].all()
    expected = 317.9 - 2.1 / 6 * np.arange(1, 6)
    np.testing.assert_allclose(filled[9:14], expected, rtol=1e-7)


@pytest.mark.parametrize("fill", ["cubic", 0, float("nan"), True])
def test_co2_bad_fill(fill: object):
    with pytest.raises(ValueError, match=r"co2.load_data: fill must be None"):
        co2.load_data(fill=fill)  # type: ignore[arg-type]


@pytest.mark.parametrize("module", [sunspots, co2])
def test_arrays_are_fresh_and_writable(module: object):
    first = module.load_data()  # type: ignore[attr-defined]
    kept = [a.copy() for a in first]
    for array in first:
        array[:] = 0
    for array, again in zip(kept, module.load_data(), strict=True):  # type: ignore[attr-defined]
        np.testing.assert_array_equal(array, again)


@pytest.mark.parametrize(("module", "file"), [(sunspots, "sunspots.csv"), (co2, "co2.csv")])
def test_damaged_or_missing_file(
    module: object, file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / "data").mkdir()
    monkeypatch.setattr("cnnlite.datasets.bundled.importlib.resources.files", lambda _: tmp_path)
    with pytest.raises(DataNotFoundError, match=rf"lacks its data file .*{file}"):
        module.load_data()  # type: ignore[attr-defined]
    (tmp_path / "data" / file).write_text("date,value\n1700,5.0\n")
    with pytest.raises(FileFormatError, match=rf"{file}' is damaged"):
        module.load_data()  # type: ignore[attr-defined]
