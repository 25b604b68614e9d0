"""kb/spellings.yaml: what a setting is called elsewhere, and which arguments came, went and were renamed."""

from dataclasses import field
from typing import Annotated, Literal

from recipe_kb.schema.base import Limits, NonEmpty, Slug, Text, record

ValueKind = Literal["count", "number", "share", "flag", "text"]
"""What a value is: a whole number, any number, a fraction that may be written in per cent, true or false, words."""


@record
class Spelling:
    """Other names of one setting that share their values.

    Attributes:
        written: Names as programs write them. Letter case, `_` and `-` do not count. One with a dot counts only where
            the part before it is what the name stands in: `LoraConfig.r`, `eval.batch_size`, `betas.0`.
        dialect: The only dialect in which they mean this; None for any.
        values: Their value -> ours, where the two differ; letter case does not count.
        closed: A value that `values` does not have is not understood.
        weak: A word that other programs use too: alone in a file it makes no configuration of a training.
    """

    written: Annotated[tuple[NonEmpty, ...], Limits(min_length=1)]
    dialect: Slug | None = None
    values: dict[str, str] = field(default_factory=dict)
    closed: bool = False
    weak: bool = False


@record
class SettingName:
    """One setting of ours.

    Attributes:
        kind: What its value is.
        spellings: What programs call it.
        words: What tables and sentences call it, English and Vietnamese.
        weak: Its own name says nothing about training, as `seed` or `output_dir`.
    """

    kind: ValueKind
    spellings: tuple[Spelling, ...] = ()
    words: tuple[NonEmpty, ...] = ()
    weak: bool = False


@record
class Dialect:
    """How a trainer's configuration is recognised: one of these names stands in it."""

    marks: Annotated[tuple[NonEmpty, ...], Limits(min_length=1)]
    source: Slug


@record
class Change:
    """An argument of `transformers.TrainingArguments` that a release took away or renamed.

    Attributes:
        argument: The name that went.
        seen: Newest version that was read and still has it.
        gone: Oldest version that was read and no longer has it; None where it is deprecated and still works.
        removed_in: Version that its warning names for its removal; None where it names none.
        replacement: The argument that does the same now; None where nothing does.
        how: What to write instead, or what it did.
        source: Where that stands.
    """

    argument: NonEmpty
    seen: NonEmpty
    gone: NonEmpty | None = None
    removed_in: NonEmpty | None = None
    replacement: NonEmpty | None = None
    how: Text
    source: Slug


@record
class SpellingFile:
    """All spellings.

    Attributes:
        settings: Ours, by name.
        arguments: Further arguments of `TrainingArguments` in the newest release that was read, taken as they are.
        weak_arguments: Those among them that other programs use too.
        dialects: The trainers whose names differ in meaning.
        changes: What releases of transformers took away or renamed.
    """

    settings: Annotated[dict[NonEmpty, SettingName], Limits(min_length=1)]
    arguments: tuple[NonEmpty, ...]
    weak_arguments: tuple[NonEmpty, ...]
    dialects: dict[Slug, Dialect]
    changes: tuple[Change, ...]
