import json

import pytest

from recipe_kb import i18n
from recipe_kb.errors import BadInputError
from recipe_kb.site.facts import Facts
from recipe_kb.site.references import reference_calls, render

RECIPE = "t4/biobert/8t-512-full"


@pytest.fixture(scope="module")
def facts(facts, tmp_path_factory):
    """The knowledge base, and beside it one file of figures."""
    folder = tmp_path_factory.mktemp("figures")
    (folder / "of-a-test.json").write_text(json.dumps({"fixed": {"median_error": 0.00183}}), encoding="utf-8")
    return Facts(facts.store, folder)


def test_a_reference_is_filled_in_and_says_where_it_is_from(facts):
    text = render(f"Use {{{{ recipe('{RECIPE}', 'settings.learning_rate') }}}}.", facts, "x.md")
    assert text.startswith('Use <data value="3e&#45;5" data-src="recipe&#58;t4')
    assert text.endswith('data-as="plain">3e&#45;5</data>.')


@pytest.mark.parametrize(
    ("reference", "english", "vietnamese"),
    [
        ("gpu('t4', 'memory.torch_total_mib.0') | gib", "14&#46;56 GiB", "14&#44;56 GiB"),
        ("gpu('t4', 'memory.torch_total_mib.0') | gib(1)", "14&#46;6 GiB", "14&#44;6 GiB"),
        ("gpu('t4', 'memory.marketed_gb')", "16", "16"),
        ("gpu('t4', 'bandwidth_gb_s')", "320", "320"),
        ("model('biobert', 'shape.vocab_size')", "28&#44;996", "28&#46;996"),
        ("rule('warm-up', 'constants.encoder_ratio') | percent", "10&#37;", "10&#37;"),
        ("claim('000-02', 'numbers.ratio')", "12", "12"),
        ("constant('regress.memory_tolerance') | percent", "3&#37;", "3&#37;"),
        ("constant('probe.timeout_s')", "300", "300"),
        ("figure('of-a-test', 'fixed.median_error') | percent(2)", "0&#46;18&#37;", "0&#44;18&#37;"),
        (f"recipe('{RECIPE}', 'settings.optim') | code", "adamw&#95;torch&#95;fused", "adamw&#95;torch&#95;fused"),
    ],
)
def test_numbers_are_written_as_the_language_does(facts, reference, english, vietnamese):
    for language, words in (("en", english), ("vi", vietnamese)):
        i18n.activate(language)
        shown = render(f"{{{{ {reference} }}}}", facts, "x.md").partition(">")[2].rpartition("</data>")[0]
        assert shown.rpartition(">")[2] == words


def test_without_figures_a_reference_to_one_is_an_error(facts):
    with pytest.raises(BadInputError, match="There is no figure"):
        render("{{ figure('of-a-test', 'date') }}", Facts(facts.store), "x.md")


def test_a_prediction_is_the_one_of_the_command(facts):
    shown = render(f"{{{{ predicted('{RECIPE}', 'peak_reserved_bytes') | gib }}}}", facts, "x.md")
    assert f"{facts.answer(RECIPE).memory.peak_reserved_bytes / 2**30:.2f}".replace(".", "&#46;") in shown


def test_evidence_is_the_newest_file(facts):
    shown = render(f"{{{{ evidence('{RECIPE}', 'measured.num_steps') }}}}", facts, "x.md")
    assert f"evidence&#58;{RECIPE.replace('/', '&#47;').replace('-', '&#45;')}&#47;20" in shown


@pytest.mark.parametrize(
    "code",
    [
        "```console\n$ echo {{ nothing }} {% x %}\n```",
        "~~~\n{{ nothing }}\n~~~",
        "`{{ nothing }}`",
        "``a ` {{ nothing }}``",
        "````md\n```\n{{ nothing }}\n```\n````",
    ],
)
def test_code_is_never_rendered(facts, code):
    body = f"# Title {{#id}}\n\n{code}\n\nafter {{{{ gpu('t4', 'sm_count') }}}}\n"
    text = render(body, facts, "x.md")
    assert text.startswith(f"# Title {{#id}}\n\n{code}\n\nafter <data")


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("gpu('t44', 'sm_count')", "Did you mean t4"),
        ("gpu('t4', 'sm_cuont')", "gpu:t4#sm_cuont is not there"),
        ("gpu('t4', 'memory')", "is not one value"),
        ("gpu('t4', 'dense_peak_tflops.bf16')", "has no value"),
        ("gpu('t4', 'memory.torch_total_mib.7')", "is not there"),
        ("gpu('t4', '__class__.__name__')", "is not there"),
        ("gpu('t4', 'supports.__init__')", "is not there"),
        ("recipe('nonsense', 'settings.optim')", "nonsense"),
        ("recipe('../../etc/passwd', 'x')", "There is no recipe"),
        ("recipe('t4/nothing', 'settings.optim')", "Did you mean t4/"),
        ("predicted('t4/biobrt/8t-512-full', 'peak_reserved_bytes')", "Did you mean biobert"),
        ("predicted('t44/biobert/8t-512-full', 'peak_reserved_bytes')", "Did you mean t4"),
        ("evidence('a100-40gb/bert-base-uncased/1t-512-full', 'measured.samples_per_s')", "has no evidence"),
        ("nothing", "'nothing' is undefined"),
        ("constant('regres.memory_tolerance')", "Did you mean regress"),
        ("constant('regress.memory')", "constant:regress#memory is not there"),
        ("constant('regress')", "is not there"),
        ("figure('of-a-tset', 'fixed.median_error')", "Did you mean of-a-test"),
        ("figure('of-a-test', 'fixed.median')", "figure:of-a-test#fixed.median is not there"),
        ("figure('../cells/biobert', 'model')", "There is no figure"),
        ("gpu('t4'", "unexpected"),
        ("gpu_link('t44')", "Did you mean t4"),
        ("().__class__.__mro__", "access to attribute '__class__'"),
        ("range(3)", "'range' is undefined"),
    ],
)
def test_a_wrong_reference_is_an_error_at_its_line(facts, reference, says):
    body = f"# Title\n\n```\nthree\nlines\n```\n\ntext\n{{{{ {reference} }}}}\n"
    with pytest.raises(BadInputError) as error:
        render(body, facts, "docs/en/x.md", first_line=4)
    (problem,) = error.value.problems
    assert problem.code == "KB403"
    assert problem.where == "docs/en/x.md:12"
    assert says in problem.what


def test_links_lead_to_the_page_of_a_record(facts):
    text = render(
        "{{ recipe_link('t4/biobert/8t-512-full') }} {{ claim_link('002-15', 'that *claim*') }}", facts, "x.md"
    )
    assert "[`t4/biobert/8t-512-full`](recipes/t4/biobert/8t-512-full.md)" in text
    assert "[that &#42;claim&#42;](claims/002.md#c002-15)" in text


def test_references_are_listed_without_blanks_and_without_code():
    assert reference_calls("{{ gpu('t4',  'a') }} `{{ no }}` {{gpu('t4','b') | gib}}") == [
        "gpu('t4','a')",
        "gpu('t4','b')|gib",
    ]
