"""The picture: its points are the run's, its shapes are where the figures say, and it is legible in both languages."""

from itertools import accumulate
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_kb import i18n
from recipe_kb.memory.allocator import round_size
from recipe_kb.memory.part_names import part_names
from recipe_kb.memory.plot import Picture, draw
from recipe_kb.memory.plot_chart import BOTTOM, LEFT, RIGHT, TOP, round_step
from recipe_kb.memory.replay import replay
from recipe_kb.memory.schedule import Run
from recipe_kb.memory.step import CATEGORIES
from recipe_kb.memory.svg import COLOURS, stairs
from recipe_kb.memory.timeline import timeline
from recipe_kb.units import GIB, MIB

SVG = "{http://www.w3.org/2000/svg}"
WEIGHTS, ACTIVATION, GRADIENT = 60 * MIB, 600 * MIB, 60 * MIB + 100
CONTEXT = 80 * MIB


def two_steps(evaluation=False):
    """Two optimizer steps of one weight; the peak of each is an activation beside weight and gradient."""
    run = Run()

    def new(size, category):
        run.num_bytes.append(size)
        run.categories.append(category)
        run.events.append(len(run.num_bytes) - 1)
        return len(run.num_bytes) - 1

    def start(part):
        run.starts.append((len(run.events), part))

    start("placement")
    new(WEIGHTS, "weights")
    for step in range(2):
        if evaluation and step == 1:
            start("evaluation")
            logits = new(90 * MIB, "logits")
            run.events.append(~logits)
        start("inputs")
        batch = new(512, "inputs")
        start("forward")
        kept = new(ACTIVATION, "activations")
        start("backward")
        gradient = new(GRADIENT, "gradients")
        run.events.append(~kept)
        start("release")
        start("update")
        if step == 0:
            new(2 * WEIGHTS, "optimizer")
        start("zero_grad")
        run.events += [~gradient, ~batch]
    return run


def totals(run):
    sizes = [round_size(size) for size in run.num_bytes]
    return list(accumulate(sizes[event] if event >= 0 else -sizes[~event] for event in run.events))


def test_each_point_is_the_running_sum_of_its_run():
    run = two_steps()
    line = timeline(run, None)
    expected = totals(run)
    assert len(line.points) == 6  # batch, activation, gradient, and each freed
    assert [point.allocated_bytes for point in line.points] == [expected[point.event] for point in line.points]
    assert line.peak.by_category[CATEGORIES.index("activations")] == ACTIVATION
    assert line.peak.allocated_bytes == max(expected)
    assert line.points[-1].reserved_bytes == replay(run).reserved_bytes


def test_only_the_last_step_is_shown_and_its_phases_are_named_once():
    run = two_steps()
    line = timeline(run, None)
    assert [phase for _, phase in line.phases] == ["forward", "backward", "optimizer"]
    assert line.points[0].event == line.phases[0][0] == 8
    assert line.end == len(run.events)


def test_an_evaluation_before_the_last_step_is_shown_with_it():
    line = timeline(two_steps(evaluation=True), None)
    assert [phase for _, phase in line.phases] == ["evaluation", "forward", "backward", "optimizer"]


def test_a_peak_in_an_earlier_step_is_not_left_out():
    run = two_steps()
    run.num_bytes[2] = 2 * ACTIVATION  # of the first step
    line = timeline(run, None)
    assert line.peak.allocated_bytes == max(totals(run))
    assert line.phases[0][0] == 1


@given(
    sizes=st.lists(st.integers(1, 40 * MIB), min_size=1, max_size=200),
    most=st.integers(3, 40),
    data=st.data(),
)
def test_fewer_points_keep_the_highest_one(sizes, most, data):
    events = []
    for index in range(len(sizes)):
        events.append(index)
        if data.draw(st.booleans()):
            events.append(~index)
    run = Run(events=events, num_bytes=sizes, categories=["activations"] * len(sizes), starts=[(0, "forward")])
    line = timeline(run, None, most_points=most)
    assert len(line.points) <= max(most, 3)
    assert line.peak.allocated_bytes == max(totals(run))
    assert [point.event for point in line.points] == sorted({point.event for point in line.points})
    assert line.points[-1].event == len(events) - 1


def test_a_run_over_the_limit_is_shown_as_on_a_larger_card():
    run = two_steps()
    assert timeline(run, 200 * MIB).peak == timeline(run, None).peak


def picture_of(total_bytes, run=None, context=CONTEXT):
    run = run or two_steps()
    peak = replay(run)
    return Picture(
        heading="biobert & others · T4",
        verdict="Fits.",
        timeline=timeline(run, None),
        breakdown=peak.parts | {"context": context},
        total_bytes=total_bytes,
    )


def shapes(text, tag):
    return list(ET.fromstring(text).iter(SVG + tag))  # noqa: S314 - we made it


def corners(shape):
    return [tuple(map(float, corner.split(","))) for corner in shape.get("points").split()]


def test_the_chart_holds_every_shape_and_the_bar_is_as_long_as_the_peak():
    total = 2000 * MIB
    text = draw(picture_of(total))
    for shape in shapes(text, "polygon") + shapes(text, "polyline"):
        assert all(LEFT <= x <= RIGHT and TOP <= y <= BOTTOM for x, y in corners(shape))
    bar = [box for box in shapes(text, "rect") if box.get("height") == "26"]
    used = replay(two_steps()).reserved_bytes + CONTEXT
    drawn = sum(float(box.get("width")) for box in bar)
    assert drawn == pytest.approx((RIGHT - LEFT) * used / total, rel=0.02)


def test_areas_reach_the_allocated_peak_and_the_line_the_reserved_one():
    picture = picture_of(1200 * MIB)
    text = draw(picture)
    total_y = next(float(line.get("y1")) for line in shapes(text, "line") if line.get("class") == "limit")
    per_byte = (BOTTOM - total_y) / picture.total_bytes
    top_of_areas = min(y for shape in shapes(text, "polygon") for _, y in corners(shape))
    highest = picture.timeline.peak.allocated_bytes + CONTEXT
    assert (BOTTOM - top_of_areas) / per_byte == pytest.approx(highest, rel=0.01)
    top_of_line = min(y for _, y in corners(shapes(text, "polyline")[0]))
    reserved = max(point.reserved_bytes for point in picture.timeline.points) + CONTEXT
    assert (BOTTOM - top_of_line) / per_byte == pytest.approx(reserved, rel=0.01)


def test_a_card_far_larger_than_what_is_used_does_not_press_the_chart_flat():
    text = draw(picture_of(80 * GIB))
    top = min(y for shape in shapes(text, "polyline") for _, y in corners(shape))
    assert top < TOP + 0.1 * (BOTTOM - TOP)
    assert "80.00 GiB ↑" in text


def test_it_is_named_described_and_follows_the_colour_scheme():
    text = draw(picture_of(1200 * MIB))
    root = ET.fromstring(text)  # noqa: S314
    assert root.get("role") == "img"
    title, description = root.find(SVG + "title"), root.find(SVG + "desc")
    assert root.get("aria-labelledby").split() == [title.get("id"), description.get("id")]
    assert title.text == "biobert & others · T4"
    sizes = {"activations": 0.59, "fragmentation": 0.47, "optimizer": 0.12, "CUDA context": 0.08}
    sizes |= {"gradients": 0.06, "weights": 0.06}  # the inputs' 512 bytes are not listed as 0.00 GiB
    listed = ", ".join(f"{name} {size:.2f} GiB" for name, size in sizes.items())
    assert description.text == f"Fits. At the peak: {listed}."
    assert "prefers-color-scheme:dark" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def caption(text):
    return next(words.text for words in shapes(text, "text") if "the line is what is reserved" in words.text)


def test_the_caption_says_which_events_are_shown():
    assert caption(draw(picture_of(GIB))).startswith("allocations and frees of the last step,")
    evaluated = two_steps(evaluation=True)
    evaluated.num_bytes[evaluated.categories.index("logits")] = 2 * ACTIVATION
    peak = timeline(evaluated, None)
    assert [phase for event, phase in peak.phases if event <= peak.peak.event] == ["evaluation"]
    assert "the evaluation and the step after it" in caption(draw(picture_of(GIB, evaluated)))
    earlier = two_steps(evaluation=True)
    earlier.num_bytes[earlier.categories.index("activations")] = 2 * ACTIVATION
    assert "of the last steps," in caption(draw(picture_of(GIB, earlier)))


def test_what_does_not_fit_is_not_said_to_be_a_part_of_the_card():
    assert ">at the peak: 1.37 GiB of 2.00 GiB<" in draw(picture_of(2 * GIB))
    assert ">at the peak: 1.37 GiB, more than the 1.00 GiB of the GPU<" in draw(picture_of(GIB))


def test_every_part_has_a_name_and_a_colour():
    assert list(part_names()) == list(COLOURS)
    assert {*CATEGORIES, "context", "fragmentation"} <= set(COLOURS)


def test_words_are_in_the_active_language_and_numbers_as_well():
    english = draw(picture_of(1200 * MIB))
    i18n.activate("vi")
    vietnamese = draw(picture_of(1200 * MIB))
    words = [{element.text for element in shapes(text, "text")} for text in (english, vietnamese)]
    shared = words[0] & words[1]
    assert not [word for word in shared if word and " " in word and "·" not in word]
    assert any("1,17 GiB" in word for word in words[1])


@pytest.mark.parametrize(("least", "step"), [(0.9, 1), (1.0, 1), (1.1, 2), (3, 5), (7, 10), (0.03, 0.05)])
def test_an_axis_is_counted_in_round_steps(least, step):
    assert round_step(least) == pytest.approx(step)


def test_stairs_have_corners_only_where_they_rise():
    assert stairs([0, 1, 2, 3], [5, 5, 7]) == [(0, 5), (2, 5), (2, 7), (3, 7)]
