"""What a review with files from the wild found: each was read wrongly once."""

from recipe_kb.extract.read import configurations_in

AXOLOTL = """\
base_model: Qwen/Qwen2.5-7B
load_in_8bit: false
load_in_4bit: true
adapter: qlora
micro_batch_size: 2
learing_rate: 0.0002
"""
BLOCK = "\n\n```yaml\nper_device_train_batch_size: 16\nlearning_rate: 2e-5\n```\n"


def only(content, name, store):
    (found,) = configurations_in(content, name, store).configurations
    return found


def test_quotes_and_dashes_of_windows_are_no_letters_of_a_mac(store):
    text = "# Résumé of our “final” settings – don’t change\nbatch_size: 8  # “odd”\nlearning_rate: 1e-5\n"
    extracted = configurations_in(text.encode("cp1252"), "a.yaml", store)
    assert "Windows-1252" in extracted.warnings[0].what
    assert extracted.configurations[0].get("per_device_train_batch_size").comment == "“odd”"


def test_quotes_and_dashes_of_a_mac_are_known_too(store):
    text = "# Résumé of our “final” settings – don’t change\nbatch_size: 8  # “odd”\nlearning_rate: 1e-5\n"
    extracted = configurations_in(text.encode("mac-roman"), "a.yaml", store)
    assert "Mac Roman" in extracted.warnings[0].what
    assert extracted.configurations[0].get("per_device_train_batch_size").comment == "“odd”"


def test_a_switch_that_is_off_begins_no_other_configuration(store):
    found = only(AXOLOTL, "a.yaml", store)
    assert found.context.model == "qwen2.5-7b"
    assert found.get("quantization_bits").value == 4
    assert found.dialect == "axolotl"


def test_a_misspelt_name_in_a_flat_file_is_reported_as_not_understood(store):
    assert "learing_rate" in {each.name for each in only(AXOLOTL, "a.yaml", store).not_understood}


def test_the_general_name_of_a_family_is_no_second_model(store):
    text = "# Fine-tune PhoBERT\n\nMình dùng `vinai/phobert-base-v2`.\n\n## Thiết lập" + BLOCK
    assert only(text, "a.md", store).context.model == "phobert-base-v2"


def test_two_models_are_still_two(store):
    assert only("PhoBERT-base và PhoBERT-base-v2." + BLOCK, "a.md", store).context.model is None
