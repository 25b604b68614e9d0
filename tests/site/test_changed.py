import pytest

from recipe_kb.errors import BadInputError
from recipe_kb.site.changed import changed, name_of, split
from recipe_kb.site.references import render
from recipe_kb.site.truth import Reading, fault, marks

RECIPE = "t4/biobert/8t-512-full"


def test_a_recipe_with_changes_is_one_line_and_back():
    name = name_of(RECIPE, {"optim": "sgd", "gradient_checkpointing": True, "max_length": 256})
    assert name == f"{RECIPE}?optim=sgd&gradient_checkpointing=true&max_length=256"
    assert split(name) == (RECIPE, {"optim": "sgd", "gradient_checkpointing": "true", "max_length": "256"})
    assert name_of(RECIPE, {}) == RECIPE
    assert split(RECIPE) == (RECIPE, {})


def test_values_are_read_as_the_setting_has_them(facts):
    asked = changed(
        facts.answer(RECIPE),
        {"per_device_train_batch_size": "16", "max_length": "256", "tf32": "false", "optim": "sgd"},
    )
    assert asked.settings.per_device_train_batch_size == 16
    assert asked.settings.tf32 is False
    assert asked.settings.optim == "sgd"
    assert asked.key.max_length == 256
    assert asked.settings.learning_rate == facts.answer(RECIPE).recipe.settings.learning_rate


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"optin": "sgd"}, "Did you mean optim"),
        ({"lora_r": "8"}, "no setting 'lora_r'"),
        ({"optim": "lion"}, "optim cannot be 'lion'"),
        ({"tf32": "maybe"}, "tf32 cannot be 'maybe'"),
        ({"per_device_train_batch_size": "many"}, "cannot be 'many'"),
        ({"max_length": "9999"}, "max_length cannot be 9999"),
        ({"max_length": "0"}, "max_length cannot be 0"),
    ],
)
def test_what_no_setting_can_be_is_refused(facts, changes, says):
    with pytest.raises(ValueError, match=says):
        changed(facts.answer(RECIPE), changes)


def test_a_change_that_was_not_traced_is_no_prediction(facts):
    with pytest.raises(ValueError, match="was not traced"):
        facts.memory(f"{RECIPE}?max_grad_norm=0")
    with pytest.raises(BadInputError) as error:
        render(f"{{{{ predicted('{RECIPE}', 'share', max_grad_norm=0) }}}}", facts, "x.md")
    assert error.value.problems[0].code == "KB403"


def test_fewer_rows_take_less_and_the_recipe_itself_is_unchanged(facts):
    whole = facts.memory(RECIPE).peak_reserved_bytes
    assert facts.memory(f"{RECIPE}?per_device_train_batch_size=8").peak_reserved_bytes < whole
    assert facts.memory(RECIPE) is facts.answer(RECIPE).memory


def test_the_check_works_a_changed_prediction_out_again(facts):
    text = render(f"{{{{ predicted('{RECIPE}', 'peak_reserved_bytes', optim='sgd') | gib }}}}", facts, "x.md")
    (mark,) = marks(text)
    assert mark.source == f"predicted:{RECIPE}?optim=sgd#peak_reserved_bytes"
    reading = Reading(facts.store.root)
    assert fault(mark, reading, "en") is None
    (other,) = marks(text.replace("optim&#61;sgd", "optim&#61;adamw&#95;bnb&#95;8bit"))
    assert "the knowledge base" in (fault(other, reading, "en") or "")
