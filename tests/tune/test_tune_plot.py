"""The picture: every batch and every figure stands in it, in marks and in words."""

from xml.etree import ElementTree as ET

import pytest

from recipe_kb import i18n
from recipe_kb.tune.candidates import Forecast, Shape
from recipe_kb.tune.plot import Picture, draw
from recipe_kb.tune.trial import Measurement, Trial
from recipe_kb.tune.tuned import Row
from recipe_kb.units import GIB

SVG = "{http://www.w3.org/2000/svg}"


def row(batch, predicted, rate=None, peak=None, unsafe=None, bound=500.0):
    shape = Shape(batch=batch, accumulation=1)
    forecast = Forecast(reserved_bytes=int(predicted * GIB), step_floor_s=batch / bound, most_samples_per_s=bound)
    verdict = "oom" if unsafe == "ran-out" else "passed"
    peak = None if peak is None else int(peak * GIB)
    measurement = Measurement(verdict=verdict, samples_per_s=rate, peak_reserved_bytes=peak, retries=0)
    trial = Trial(shape=shape, forecast=forecast, measurement=measurement, unsafe=unsafe)
    return Row(shape=shape, forecast=forecast, fits=predicted < 14, trial=trial if rate or unsafe else None)


ROWS = (row(1, 2), row(16, 6, rate=90.5, peak=5.5), row(32, 9, rate=101.5, peak=9.25), row(64, 15, unsafe="ran-out"))


def drawn(rows=ROWS, limit=14.5, recommended=32):
    text = draw(
        Picture(heading="what", verdict="so.", rows=rows, limit_bytes=int(limit * GIB), recommended=recommended)
    )
    return ET.fromstring(text)  # noqa: S314 - we made it


def words_of(root):
    return [element.text for element in root.iter(f"{SVG}text")]


def test_every_batch_is_named_and_every_figure_is_in_the_text_alternative():
    root = drawn()
    words = words_of(root)
    assert {"1", "16", "32", "64"} <= set(words)
    described = root.find(f"{SVG}desc").text
    assert "batch 32: 9.00 GiB predicted, 101.5 samples per second, 9.25 GiB measured" in described
    assert "batch 64: 15.00 GiB predicted." in described
    assert root.get("role") == "img"


def test_higher_is_higher():
    """Marks of what was measured: throughput of two batches, then memory of two."""
    marks = [
        (float(box.get("x")), float(box.get("y")))
        for box in drawn().iter(f"{SVG}rect")
        if box.get("fill") == "#4e79a7" and float(box.get("width")) == 10
    ][:-1]  # the last is of the legend
    (x_small, slow), (x_large, fast), (_, little), (_, much) = marks
    assert x_small < x_large
    assert fast < slow < little
    assert much < little


def test_the_same_factor_is_the_same_distance():
    root = drawn(rows=tuple(row(batch, batch / 4) for batch in (2, 4, 8)), recommended=None)
    found = {text.text: float(text.get("x")) for text in root.iter(f"{SVG}text") if text.get("text-anchor") == "middle"}
    assert found["4"] - found["2"] == pytest.approx(found["8"] - found["4"], abs=0.2)


def test_nothing_lies_outside():
    for rows in (ROWS, ROWS[:1], (row(8, 200),), (row(8, 3, rate=499.0, peak=3),)):
        root = drawn(rows=rows)
        for element in root.iter():
            for name, most in (("x", 960), ("y", 610), ("x1", 960), ("y2", 610)):
                if name in element.attrib:
                    assert 0 <= float(element.get(name)) <= most, element.attrib
            for corner in element.get("points", "").split():
                x, y = map(float, corner.split(","))
                assert 0 <= x <= 960
                assert 56 < y <= 560


def test_a_roofline_far_above_is_only_written_down():
    assert "the roofline is at 500 ↑" in words_of(drawn())
    near = drawn(rows=(row(8, 3, rate=480.0, peak=3),), recommended=8)
    assert "no kernel can be faster (roofline)" in words_of(near)


def test_both_languages(monkeypatch):
    i18n.activate("vi")
    assert "101,5" in drawn().find(f"{SVG}desc").text
