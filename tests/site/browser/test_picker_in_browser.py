"""The picker as a reader uses it: by mouse, by keys, on a phone, from an address, without a script."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from kinds import LANGUAGES

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
KEPT = "recipe-picker/?gpu=t4&model=biobert&tasks=8&max_length=512&method=full&goal=balanced"
DERIVED = "recipe-picker/?gpu=a10&model=gpt2&tasks=1&max_length=512&method=lora&goal=balanced"
NOT_FITTING = "recipe-picker/?gpu=t4&model=llama-3.1-8b&tasks=1&max_length=512&method=full&goal=balanced"


def state(page):
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def answer(page, words):
    """Wait until the answer has these words."""
    page.locator("#answer", has_text=words).wait_for()
    return page.locator("#answer")


@pytest.fixture
def api(built):
    return lambda path: (built.site / "api/v1" / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_chosen_is_in_the_address_and_comes_back_from_it(visit, language):
    page = visit(f"{language}/recipe-picker/")
    page.select_option("[name=gpu]", "rtx-3070")
    page.select_option("[name=model]", "phobert-base")
    page.fill("[name=tasks]", "3")
    page.select_option("[name=max_length]", "256")
    assert state(page) == {
        "gpu": "rtx-3070",
        "model": "phobert-base",
        "tasks": "3",
        "max_length": "256",
        "method": "full",
        "goal": "balanced",
    }
    answer(page, "kb recipe --gpu rtx-3070 --model phobert-base --tasks 3")
    page.reload()
    assert page.input_value("[name=gpu]") == "rtx-3070"
    assert page.input_value("[name=tasks]") == "3"


@pytest.mark.parametrize("language", LANGUAGES)
def test_goals_and_methods_have_names_and_their_ids(visit, language):
    page = visit(f"{language}/recipe-picker/")
    for field in ("goal", "method"):
        for option in page.locator(f"[name={field}] option").all():
            value, words = option.get_attribute("value"), option.inner_text()
            assert words.endswith(f"({value})")
            assert len(words) > len(value) + 4
    assert ("batch gấp đôi" in page.locator("[name=goal]").inner_text()) == (language == "vi")


def test_values_of_the_address_that_do_not_exist_are_left_out(visit):
    page = visit('en/recipe-picker/?gpu=<script>alert(1)</script>&tasks=999&model=biobert&nonsense="x')
    answer(page, "kb recipe --gpu t4 --model biobert")
    assert page.input_value("[name=gpu]") == "t4"
    assert page.input_value("[name=tasks]") == "1"


def test_it_works_by_keys_alone(visit):
    page = visit("en/recipe-picker/")
    page.focus("[name=gpu]")
    page.keyboard.type(
        "RTX 3090" if page.locator("option", has_text="RTX 3090").first.inner_text()[0] == "R" else "NVIDIA"
    )
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "model"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("2")
    assert page.evaluate("document.activeElement.name") == "tasks"
    assert state(page)["model"] != "biobert"
    assert state(page)["tasks"] != "1"


def test_a_kept_recipe_shows_its_settings_and_its_page(visit, api):
    page = visit(f"en/{KEPT}")
    shown = answer(page, "t4/biobert/8t-512-full")
    settings = json.loads(api("recipes/t4/biobert/8t-512-full.json"))["settings"]
    cells = dict(
        zip(shown.locator("th[scope=row]").all_inner_texts(), shown.locator("td").all_inner_texts(), strict=True)
    )
    assert cells.keys() == settings.keys()
    assert cells["per_device_train_batch_size"] == str(settings["per_device_train_batch_size"])
    assert "kb recipe --gpu t4 --model biobert --tasks 8" in shown.inner_text()
    shown.locator("a", has_text="t4/biobert/8t-512-full").click()
    page.wait_for_url("**/en/recipes/t4/biobert/8t-512-full/")


def test_every_export_is_copied_as_it_is(visit, api, built):
    page = visit(f"vi/{KEPT}", permissions=["clipboard-read", "clipboard-write"])
    shown = answer(page, "t4/biobert/8t-512-full")
    forms = shown.locator("details summary").all_inner_texts()
    files = {path.suffix[1:] for path in (built.site / "api/v1/recipes/t4/biobert").glob("8t-512-full.*")}
    assert set(forms) == files
    for form in forms:
        opened = shown.locator("details", has=page.locator("summary", has_text=form)).filter(
            has=page.locator(f"summary:text-is('{form}')")
        )
        opened.locator("summary").click()
        opened.locator("button.kb-copy").click()
        opened.locator("button.kb-copy", has_text="đã").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == api(f"recipes/t4/biobert/8t-512-full.{form}"), form


def test_a_derived_cell_comes_from_the_same_data_as_the_command(visit, api):
    page = visit(f"en/{DERIVED}")
    shown = answer(page, "per_device_train_batch_size")
    cells = json.loads(api("cells/gpt2.json"))
    row = dict(zip(cells["columns"], cells["cells"]["lora"]["512"]["a10"], strict=True))
    found = dict(
        zip(shown.locator("th[scope=row]").all_inner_texts(), shown.locator("td").all_inner_texts(), strict=True)
    )
    assert found["per_device_train_batch_size"] == str(row["batch"])
    assert found["gradient_accumulation_steps"] == str(row["accumulation"])
    assert float(found["learning_rate"]) == row["learning_rate"]
    assert "predicted, not measured" in shown.inner_text()
    assert "--method lora --format yaml" in shown.inner_text()


def test_where_nothing_fits_it_offers_what_does(visit):
    page = visit(f"en/{NOT_FITTING}")
    shown = answer(page, "Nothing fits")
    choice = shown.locator("button.kb-choice").first
    wanted = choice.inner_text()
    choice.click()
    answer(page, "per_device_train_batch_size")
    assert wanted in state(page).values()


def test_a_cell_that_is_not_worked_out_names_the_command(visit):
    page = visit("en/recipe-picker/?gpu=a10&model=gpt2&tasks=1&max_length=512&method=lora&goal=speed")
    answer(page, "kb recipe --gpu a10 --model gpt2 --tasks 1 --method lora --goal speed")


def test_without_its_data_it_says_so_and_names_the_command(visit, browser):
    page = visit("en/", allowed=("Failed to load resource: net::ERR_FAILED",))
    page.route("**/api/v1/**", lambda route: route.abort())
    page.goto(page.url + KEPT)
    assert "kb recipe --gpu t4 --model biobert --tasks 8" in answer(page, "cannot be read").inner_text()


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_a_script_there_is_the_table(visit, language):
    page = visit(f"{language}/recipe-picker/", java_script_enabled=False)
    assert not page.locator("form.kb-picker").is_visible()
    assert not page.locator("#answer").is_visible()
    assert page.locator("article table tbody tr").count() > 5
    assert page.locator("article table tbody a").first.is_visible()


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_fits_on_a_phone(visit, language):
    page = visit(f"{language}/{KEPT}", **PHONE)
    answer(page, "per_device_train_batch_size")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for field in page.locator("form.kb-picker :is(select, input)").all():
        box = field.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert box["height"] >= 40, "too low for a finger"


def test_the_other_language_shows_the_same_choice(visit):
    page = visit(f"en/{KEPT}")
    answer(page, "t4/biobert/8t-512-full")
    page.locator("a.kb-language[lang=vi]").dispatch_event("click")
    page.wait_for_url("**/vi/recipe-picker/?**")
    answer(page, "t4/biobert/8t-512-full")
    assert state(page)["tasks"] == "8"
