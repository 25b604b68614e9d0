"""Evidence that may no longer hold: old, or of another major version; neither is a fault of the data."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_kb.errors import BadInputError
from recipe_kb.probe.record import record
from recipe_kb.resolve.evidence_files import MAX_AGE_DAYS, aged, evidence_problems, read_evidence, started_at
from recipe_kb.schema.evidence import SCHEMA
from recipe_kb.store.store import Store
from recorded import RECIPE, on_gpu

DAY = date(2026, 11, 22)


@pytest.fixture
def keep(broken_kb):
    """Return a function that records evidence in a copy of the knowledge base and gives its store."""

    def kept(*records):
        for one in records:
            record(one, broken_kb)
        return Store(broken_kb)

    return kept


def test_the_checkout_is_traced_with_a_version_of_each_package_that_is_watched(store):
    assert {"torch", "transformers"} <= set(store.memory(store.memory_ids()[0])["versions"])


def test_a_record_of_the_day_is_young_and_one_day_past_the_limit_is_old(keep):
    store = keep(on_gpu())
    limit = DAY + timedelta(days=MAX_AGE_DAYS)
    assert aged(store, DAY) == aged(store, limit) == []
    (only,) = aged(store, limit + timedelta(days=1))
    assert (only.recipe, only.age_days, only.too_old, only.versions) == (RECIPE, MAX_AGE_DAYS + 1, True, {})
    assert only.path.is_file()


def test_the_limit_is_the_one_asked_for(keep):
    store = keep(on_gpu())
    assert aged(store, DAY + timedelta(days=30), 30) == []
    assert len(aged(store, DAY + timedelta(days=31), 30)) == 1


@pytest.mark.parametrize(
    ("versions", "named"),
    [
        ({"torch": "1.13.1+cu117"}, {"torch": ("1.13.1+cu117", "2.13.0")}),
        ({"torch": "2.0.0"}, {}),
        ({"torch": "2.13.0+cu130"}, {}),
        ({"transformers": "4.57.1"}, {"transformers": ("4.57.1", "5.23.0")}),
        ({"transformers": None, "torch": ""}, {}),
        ({"torch": "3.0", "transformers": "6.0"}, {"torch": ("3.0", "2.13.0"), "transformers": ("6.0", "5.23.0")}),
        ({"torch": 2}, {}),
        ({"torch": ["odd"]}, {"torch": ("['odd']", "2.13.0")}),
    ],
)
def test_another_major_version_is_named_whatever_the_age(keep, versions, named):
    found = aged(keep(on_gpu(fingerprint=versions)), DAY)
    assert [one.versions for one in found] == ([named] if named else [])
    assert not any(one.too_old for one in found)


def test_evidence_of_tomorrow_is_not_old(keep):
    assert aged(keep(on_gpu(started="2126-11-22T10:00:00+00:00")), DAY, 0) == []


def test_without_traces_only_the_age_counts(tmp_path):
    record(on_gpu(fingerprint={"torch": "1.0"}), tmp_path)
    assert aged(Store(tmp_path), DAY) == []


def test_what_cannot_be_read_is_a_problem_and_no_age(keep):
    store = keep(on_gpu(started="yesterday"), on_gpu(started="0001-01-01T00:00:00+14:00"))
    assert aged(store, DAY) == []
    assert [problem.code for problem in evidence_problems(store)] == ["KB115", "KB115"]


@given(moment=st.datetimes(timezones=st.timezones()))
def test_times_are_compared_in_one_zone(moment):
    try:
        expected = moment.astimezone(UTC)
    except OverflowError:
        return
    assert started_at(on_gpu(started=moment.isoformat())) == expected


@given(moment=st.datetimes())
def test_a_time_without_a_zone_is_utc(moment):
    assert started_at(on_gpu(started=moment.isoformat())) == moment.replace(tzinfo=UTC)


def test_what_is_read_is_what_was_written(tmp_path):
    path = record(on_gpu(), tmp_path)
    assert read_evidence(path, "shown") == on_gpu()
    path.write_text(path.read_text(encoding="utf-8").replace(SCHEMA, "kb-evidence/7"), encoding="utf-8")
    with pytest.raises(BadInputError, match="written by a newer recipe-kb") as caught:
        read_evidence(path, "shown")
    assert caught.value.problems[0].where == "shown"


def test_records_are_dated_in_utc():
    assert started_at(on_gpu()) == datetime(2026, 11, 22, 10, tzinfo=UTC)
