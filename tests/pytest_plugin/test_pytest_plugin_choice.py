"""Which recipes a run is about: globs, cells, the configuration file, the GPU of this machine."""

import pytest

from recipe_kb.pytest_plugin.choice import check_choice

pytest_plugins = ["pytester"]

USES = "def test_recipe(kb_recipe):\n    assert kb_recipe.recipe.settings\n    print('chose', kb_recipe.id)\n"


def chosen(result):
    return [line.removeprefix("chose ") for line in result.outlines if line.startswith("chose ")]


def test_the_plugin_is_registered():
    """The entry point makes all that follows; without it `make install` has to be run again."""
    from importlib.metadata import entry_points

    assert [entry.value for entry in entry_points(group="pytest11", name="recipe_kb")] == ["recipe_kb.pytest_plugin"]


def test_a_test_is_called_once_per_recipe_and_named_after_it(run_pytest):
    result = run_pytest("-v", "-s", "--kb-recipes", "rtx-3070/phobert-base/*", test=USES)
    result.assert_outcomes(passed=3)
    assert "test_recipe[rtx-3070/phobert-base/1t-256-full-speed]" in result.stdout.str()


def test_a_cell_without_a_file_and_any_spelling_of_a_name_will_do(run_pytest):
    result = run_pytest("-q", "-s", "--kb-recipes", "H200/BioBERT/8t-512-full", test=USES)
    assert "chose h200/biobert/8t-512-full" in result.stdout.str()


def test_the_command_line_wins_over_the_configuration_file(run_pytest, pytester):
    pytester.makeini("[pytest]\nkb_recipes = 't4/biobert/8t-*'\n")
    run_pytest("-q", test=USES).assert_outcomes(passed=2)
    run_pytest("-q", "--kb-recipes", "t4/biobert/*", test=USES).assert_outcomes(passed=6)


def test_a_recipe_that_two_globs_match_comes_once(run_pytest):
    globs = ("--kb-recipes", "t4/biobert/8t-512-full", "--kb-recipes", "t4/biobert/8t-*")
    run_pytest("-q", *globs, test=USES).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("glob", "says"),
    [
        ("t44/*", "KB230 No recipe matches 't44/*'. Did you mean t4/*? -> kb list recipes"),
        ("t4/bibert/*", "Did you mean t4/biobert/*"),
        ("[", "KB230 No recipe matches '['"),
        ("t4/biobert/8t-512-ful", "KB208 't4/biobert/8t-512-ful' is no recipe id"),
        ("t4/biobert/8t-512-ful", "Did you mean t4/biobert/8t-512-full?"),
        ("t5/biobert/8t-512-full", "KB201 Unknown GPU 't5'"),
        ("vram-4gb/qwen2.5-0.5b/1t-512-full", "KB211 vram-4gb/qwen2.5-0.5b/1t-512-full is refuted"),
        ("vram-4gb/*-full", "KB211 vram-4gb/qwen2.5-0.5b/1t-512-full is refuted"),
    ],
)
def test_what_chooses_nothing_is_refused_with_the_nearest(glob, says):
    with pytest.raises(pytest.UsageError) as refused:
        check_choice([glob])
    assert says in str(refused.value)


def test_what_chooses_nothing_is_a_usage_error_and_every_such_glob_is_named(run_pytest):
    result = run_pytest("--kb-recipes", "x/*", "--kb-recipes", "y/*", test=USES)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "'x/*'" in result.stderr.str()
    assert "'y/*'" in result.stderr.str()
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


@pytest.mark.parametrize("words", [("--kb-steps", "1"), ("--kb-timeout", "nan"), ("--kb-device", "tpu")])
def test_a_senseless_option_is_a_usage_error(run_pytest, words):
    result = run_pytest(*words, test=USES)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert words[0] in result.stderr.str()


def test_without_a_gpu_and_a_choice_one_test_is_skipped_with_the_reason(run_pytest, no_gpu):
    result = run_pytest(test=USES)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*SKIPPED*KB302 No NVIDIA GPU found*-> kb list gpus*"])


def test_the_card_that_is_played_chooses_its_recipes(run_pytest, store):
    expected = [key for key in store.recipe_keys("rtx-3070") if store.recipe(key).refuted is None]
    run_pytest("--kb-as-gpu", "RTX 3070", test=USES).assert_outcomes(passed=len(expected))


def test_a_card_without_recipe_files_says_how_to_name_a_cell(run_pytest):
    result = run_pytest("--kb-as-gpu", "h200", test=USES)
    result.assert_outcomes(skipped=1)
    assert "--kb-recipes h200/biobert/8t-512-full" in result.stdout.str()


def test_a_test_may_name_its_recipe_itself(run_pytest):
    test = "import pytest\n@pytest.mark.parametrize('kb_recipe', ['3070/phobert/1t-256-full'], indirect=True)\n" + USES
    result = run_pytest("-s", "--kb-recipes", "t4/*", test=test)
    result.assert_outcomes(passed=1)
    assert "chose rtx-3070/phobert-base/1t-256-full" in result.stdout.str()


def test_a_test_that_names_a_recipe_that_is_none_fails_in_words(run_pytest):
    test = "import pytest\n@pytest.mark.parametrize('kb_recipe', ['t4/nobert/1t-256-full'], indirect=True)\n" + USES
    result = run_pytest(test=test)
    result.assert_outcomes(errors=1)
    assert "KB202 Unknown model 'nobert'" in result.stdout.str()
    assert "Traceback" not in result.stdout.str()


def test_a_knowledge_base_that_is_not_there_is_a_usage_error(run_pytest, monkeypatch, tmp_path):
    monkeypatch.setenv("KB_ROOT", str(tmp_path))
    result = run_pytest("--kb-recipes", "t4/*", test=USES)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "KB212" in result.stderr.str()


def test_it_can_be_switched_off(run_pytest):
    result = run_pytest("-p", "no:recipe_kb", test=USES)
    result.assert_outcomes(errors=1)
    assert "fixture 'kb_recipe' not found" in result.stdout.str()


def test_the_language_of_the_person_is_spoken_and_the_process_left_as_it_was(run_pytest, monkeypatch, no_gpu):
    monkeypatch.setenv("KB_LANG", "vi")
    monkeypatch.setenv("LANGUAGE", "km")
    test = USES + "\nimport gettext, os\n\ndef test_process():\n"
    test += "    assert os.environ['LANGUAGE'] == 'km'\n    assert gettext.textdomain() == 'messages'\n"
    result = run_pytest(test=test)
    result.assert_outcomes(skipped=1, passed=1)
    assert "KB302" in result.stdout.str()
    assert "No NVIDIA GPU" not in result.stdout.str()
