"""The constants of CUDA: they follow from the readings beside them, and every GPU of the knowledge base is covered."""

import json
from statistics import linear_regression, mean

import jsonschema
import pytest
import yaml

from checkout import ROOT
from recipe_kb.store.yaml_file import KbLoader


def threads_and_middles(store):
    """Resident threads and the middle of the range, of each GPU that carries the line."""
    cuda = store.cuda()
    own = {gpu_id: store.gpu(gpu_id) for gpu_id in cuda.context.gpus}
    rows = [
        (cuda.threads(own[gpu_id].compute_capability, own[gpu_id].sm_count), mean(reading.mib))
        for gpu_id, reading in cuda.context.gpus.items()
        if reading.named and reading.stage == "running"
    ]
    rows += [
        (cuda.threads(other.compute_capability, other.sm_count), mean(other.mib)) for other in cuda.context.other_gpus
    ]
    return rows


def test_the_line_is_the_least_squares_line_of_the_readings(store):
    rows = threads_and_middles(store)
    assert len(rows) >= 10
    fitted = linear_regression(*zip(*rows, strict=True))
    line = store.cuda().context.line
    assert line.base_mib == pytest.approx(fitted.intercept, abs=0.01)
    assert line.mib_per_1000_threads == pytest.approx(fitted.slope * 1000, abs=0.001)


def test_the_spread_holds_every_reading_of_the_line_and_little_more(store):
    line = store.cuda().context.line
    ratios = [middle / line.middle_mib(threads) for threads, middle in threads_and_middles(store)]
    low, high = line.spread
    assert min(ratios) - 0.01 < low <= min(ratios)
    assert max(ratios) <= high < max(ratios) + 0.01


def test_ranges_rise(store):
    context = store.cuda().context
    ranges = [reading.mib for reading in (*context.gpus.values(), *context.other_gpus)]
    assert len(ranges) > 20
    assert all(0 < low <= high for low, high in ranges)
    assert 0 < context.line.spread[0] < 1 < context.line.spread[1]


def test_an_unknown_card_counts_as_the_largest_of_up_to_24_gb(store):
    cuda = store.cuda()
    gpus = [store.gpu(gpu_id) for gpu_id in store.gpu_ids()]
    threads = {
        gpu.name: cuda.threads(gpu.compute_capability, gpu.sm_count) for gpu in gpus if gpu.memory.marketed_gb <= 24
    }
    largest = max(threads, key=threads.__getitem__)
    assert "RTX 4090" in largest
    assert "RTX 4090" in cuda.unknown_gpu.why.en
    assert cuda.threads(cuda.unknown_gpu.compute_capability, cuda.unknown_gpu.sm_count) == threads[largest]


def test_the_json_schema_describes_the_file():
    schema = json.loads((ROOT / "kb" / "schema" / "cuda.schema.json").read_text(encoding="utf-8"))
    content = yaml.load((ROOT / "kb" / "cuda.yaml").read_text(encoding="utf-8"), Loader=KbLoader)  # noqa: S506 - KbLoader is a SafeLoader
    jsonschema.validate(content, schema)
    del content["workspace"]["torch"]["2.13"]["bytes"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schema)
