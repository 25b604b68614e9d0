"""Any configuration, any comment, any line: findings or none, but no crash, no hang, and fixes that stay inside."""

import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recipe_kb.lint.asked import Asked
from recipe_kb.lint.effective_claims import claims_in
from recipe_kb.lint.finding import SEVERITIES
from recipe_kb.lint.fix import fixed
from recipe_kb.lint.formats.registry import FORMATS
from recipe_kb.lint.run import lint
from recipe_kb.lint.suppression import suppressions_in
from recipe_kb.schema.configuration import Configuration, Context, NotUnderstood, Written

NAMES = [
    "per_device_train_batch_size",
    "per_device_eval_batch_size",
    "gradient_accumulation_steps",
    "effective_batch_size",
    "learning_rate",
    "warmup_ratio",
    "warmup_steps",
    "max_steps",
    "num_train_epochs",
    "num_train_samples",
    "max_length",
    "precision",
    "fp16",
    "bf16",
    "tf32",
    "fp8",
    "optim",
    "attn_implementation",
    "gradient_checkpointing",
    "dataloader_num_workers",
    "dataloader_prefetch_factor",
    "dataloader_persistent_workers",
    "lora_r",
    "lora_dropout",
    "quantization_bits",
    "tasks",
    "task_mixing",
    "num_gpus",
    "method",
    "hub_token",
    "output_dir",
    "fp16_opt_level",
    "evaluation_strategy",
    "eval_strategy",
]
WORDS = [
    "fp16",
    "bf16",
    "fp32",
    "fp8",
    "adamw_torch",
    "adamw_bnb_8bit",
    "sgd",
    "flash_attention_2",
    "sdpa",
    "eager",
    "lora",
    "joint",
    "full",
    "O1",
    "/home/a",
    "~/x",
    "effective",
    "batch",
    "16*4",
    "=",
    "64",
    "\u00d7",
    "hiệu",
    "dụng",
    "memory",
    "half",
    "of",
    "single-task",
    "multi-task",
    "pushing",
    "to",
    "96",
    "kb:",
    "ignore",
    "KB503",
    "--",
    "why",
]
NUMBERS = st.one_of(
    st.integers(-2, 130), st.integers(), st.floats(), st.sampled_from([0, 1, 1e-5, 3e-5, 2e-4, 0.1, 10**30, 1e308, -1])
)
TEXTS = st.one_of(st.text(max_size=40), st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join))
VALUES = st.one_of(NUMBERS, st.booleans(), st.none(), TEXTS, st.sampled_from(WORDS), st.lists(NUMBERS, max_size=3))
LINES = st.one_of(st.integers(-1, 12), st.sampled_from([10**9]))
COLUMNS = st.none() | st.integers(0, 60)
WRITTEN = st.builds(
    Written,
    name=st.sampled_from(NAMES) | TEXTS,
    value=VALUES,
    written_name=st.sampled_from(NAMES) | TEXTS,
    written_value=TEXTS | st.sampled_from(["true", "True", "16"]),
    line=LINES,
    start=COLUMNS,
    end=COLUMNS,
    comment=st.none() | TEXTS,
)
CONTEXT = st.builds(
    Context,
    gpu=st.sampled_from([None, "t4", "rtx-3070", "h100-80gb", "vram-8gb", "nope"]),
    model=st.sampled_from([None, "biobert", "phobert-base", "qwen2.5-0.5b", "gemma-3-1b", "nope"]),
    tasks=st.none() | st.integers(-1, 100),
    max_length=st.none() | st.integers(-1, 600) | st.just(10**12),
    num_samples=st.none() | st.integers(),
    method=st.sampled_from([None, "full", "lora", "qlora", "nope"]),
    num_gpus=st.none() | st.integers(0, 9),
    lines=st.dictionaries(st.sampled_from(["max_length", "gpu"]), LINES),
)
CONFIGURATION = st.builds(
    Configuration,
    file=st.text(min_size=1, max_size=10),
    lines=st.tuples(LINES, LINES),
    kind=st.sampled_from(["yaml", "shell", "notebook", "x"]),
    label=TEXTS,
    context=CONTEXT,
    settings=st.lists(WRITTEN, max_size=12).map(tuple),
    not_understood=st.lists(st.builds(NotUnderstood, name=TEXTS, text=TEXTS, line=LINES, why=TEXTS), max_size=3).map(
        tuple
    ),
)
QUIET = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@QUIET
@given(st.lists(CONFIGURATION, max_size=3), st.lists(TEXTS, max_size=12), st.sampled_from(["5.23.0", "4.40", "x", ""]))
def test_any_configuration_is_linted(store, configurations, lines, version):
    result = lint(configurations, store, lines, Asked(transformers=version))
    for finding in (*result.findings, *result.suppressed):
        assert finding.severity in SEVERITIES
        assert finding.message
        assert "{" not in finding.message.replace("{" * 2, "") or "{" in repr(configurations)
    after = fixed(lines, result.findings)
    assert len(after.lines) <= len(lines)
    for write in FORMATS.values():
        assert isinstance(write(result.findings), str)


@QUIET
@given(st.text(), st.lists(st.text(), max_size=5))
def test_any_comment_is_read(text, lines):
    assert all(claim.value >= 0 for claim in claims_in(text))
    suppressions_in([text, *lines])


def test_long_lines_take_no_time(store):
    hostile = ["kb: ignore " + "KB503 " * 50_000, "effective " * 50_000, "# " + "=" * 300_000, "\\ " * 100_000]
    hostile += ["effective " + "1*" * 100_000, "x " + " " * 200_000 + "\\ #", "multi-task " * 20_000]
    hostile += ["# " + " " * 200_000 + "x", "# kb: ignore " + "A " * 100_000, "# kb: ignore KB503" + " -" * 100_000]
    hostile += ["hf_" * 100_000, "/" * 200_000, "~" * 200_000, "half " + "memory " * 50_000]
    configuration = Configuration(
        file="a.sh",
        lines=(1, len(hostile)),
        kind="shell",
        label="",
        context=Context(),
        settings=tuple(
            Written(
                name="per_device_train_batch_size",
                value=16,
                written_name="b",
                written_value="16",
                line=number,
                comment=text,
            )
            for number, text in enumerate(hostile, start=1)
        ),
    )
    began = time.perf_counter()
    lint([configuration], store, hostile)
    assert time.perf_counter() - began < 1


def test_time_grows_with_the_file_and_no_faster(store):
    def seconds(count):
        configurations = [
            Configuration(
                file="a.md",
                lines=(3 * number + 1, 3 * number + 2),
                kind="yaml",
                label="Multi-task",
                context=Context(model="biobert"),
                settings=(
                    Written(
                        name="per_device_train_batch_size",
                        value=number % 60 + 1,
                        written_name="b",
                        written_value="1",
                        line=3 * number + 1,
                    ),
                    Written(
                        name="learning_rate", value=3e-5, written_name="l", written_value="3e-5", line=3 * number + 2
                    ),
                ),
            )
            for number in range(count)
        ]
        lines = ["b: 1", "l: 3e-5", ""] * count
        best = float("inf")
        for _repeat in range(2):
            began = time.process_time()
            lint(configurations, store, lines)
            best = min(best, time.process_time() - began)
        return best

    seconds(10)
    assert seconds(1200) / seconds(300) < 8
