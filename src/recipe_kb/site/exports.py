"""A recipe in every form that `kb recipe --format` writes, to be copied."""

import json
from collections.abc import Iterator

from recipe_kb.dialects import args, training_arguments, yaml_config
from recipe_kb.i18n import language
from recipe_kb.resolve.answer import Answer


def exports(answer: Answer) -> Iterator[tuple[str, str]]:
    """Yield format and text; the same text that the command prints."""
    arguments = training_arguments.write(answer.recipe.settings)
    attributes = training_arguments.model_attributes(answer.model)
    yield "yaml", yaml_config.write(answer.recipe_id, answer.key, answer.recipe, answer.model, arguments, attributes)
    yield "args", args.write(arguments)
    yield "json", json.dumps(answer.to_json(language()), ensure_ascii=False, indent=2)
