"""What the search starts from: a recipe, what a shape changes in it, and what is predicted of it then."""

from dataclasses import dataclass, field, replace
from functools import cached_property

from recipe_kb.memory.floor import Floor, floor
from recipe_kb.resolve.answer import Answer, answer_key
from recipe_kb.resolve.derive import derive, round_rate
from recipe_kb.resolve.ladder import build_ladder
from recipe_kb.resolve.memory import MemoryEstimate, context_on, memory_of, total_bytes
from recipe_kb.resolve.rules import linear_sgd, sqrt_adam
from recipe_kb.resolve.traced import question_of
from recipe_kb.schema.base import Precision
from recipe_kb.schema.recipe import Provenance, RecipeKey, Settings
from recipe_kb.store.store import Store
from recipe_kb.tune.candidates import Forecast, Shape, largest_within, shapes
from recipe_kb.tune.trial import Room


def untuned_answer(store: Store, key: RecipeKey) -> Answer:
    """Answer a cell as `answer_key` does, but as the rules derive it where its file was tuned before.

    Else a second search would start from what the first one ended in.
    """
    answer = answer_key(store, key)
    if answer.recipe.origin != "tuned":
        return answer
    mixing = answer.recipe.task_mixing
    recipe = derive(store, key, answer.gpu, answer.model, mixing).recipe
    if recipe is None:
        return answer
    memory = memory_of(store, key, recipe.settings, mixing, answer.gpu, answer.model)
    return replace(answer, recipe=recipe, memory=memory, evidence=[])


@dataclass(frozen=True, kw_only=True)
class Start:
    """A recipe to tune.

    Attributes:
        store: The knowledge base.
        answer: The recipe of the cell.
        effective: The effective batch to keep, or to start from where it may grow; in samples.
        grows: Whether the effective batch may grow with the batch.
        precision: Of the computation; None for the recipe's.
        used_bytes: What other processes hold on the GPU.
    """

    store: Store = field(repr=False)
    answer: Answer
    effective: int
    grows: bool
    precision: Precision | None = None
    used_bytes: int = 0
    _kept: dict[Shape, Forecast] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def choices(self) -> tuple[Shape, ...]:
        """What may be tried, the smallest batch first."""
        return shapes(self.effective, grows=self.grows)

    @cached_property
    def room(self) -> Room:
        """Memory that the allocator may hold."""
        memory, used = self.answer.memory, self.used_bytes
        return Room(limit_bytes=memory.limit_bytes - used, usable_bytes=memory.usable_bytes - used)

    @cached_property
    def predicted(self) -> Shape | None:
        """The largest shape that is predicted to leave the margin free; None if not even the smallest does."""
        return largest_within(self.choices, self.forecast, self.room.usable_bytes)

    @property
    def rate_rule(self) -> str:
        """The rule by which the learning rate follows the effective batch."""
        return "linear-sgd" if self.answer.recipe.settings.optim == "sgd" else "sqrt-adam"

    def settings(self, shape: Shape) -> Settings:
        """Return the settings of a shape: batch and accumulation, and what follows them by a rule."""
        recipe = self.answer.recipe
        before, effective = recipe.settings, shape.effective_batch_size
        rate = before.learning_rate
        if effective != recipe.effective_batch_size:
            scaled = linear_sgd if self.rate_rule == "linear-sgd" else sqrt_adam
            rate = round_rate(scaled(rate, recipe.effective_batch_size, effective))
        rows = shape.batch * before.per_device_eval_batch_size // before.per_device_train_batch_size
        return replace(
            before,
            per_device_train_batch_size=shape.batch,
            per_device_eval_batch_size=max(1, rows),
            gradient_accumulation_steps=shape.accumulation,
            learning_rate=rate,
            precision=self.precision or before.precision,
        )

    def memory(self, shape: Shape) -> MemoryEstimate:
        """Predict the memory of a shape."""
        answer = self.answer
        mixing = answer.recipe.task_mixing
        return memory_of(self.store, answer.key, self.settings(shape), mixing, answer.gpu, answer.model)

    def forecast(self, shape: Shape) -> Forecast:
        """Predict memory and the bound of the throughput; each shape is worked out once."""
        if shape not in self._kept:
            bound = self._floor(shape)
            self._kept[shape] = Forecast(
                reserved_bytes=self.memory(shape).peak_reserved_bytes,
                step_floor_s=bound.seconds if bound else None,
                most_samples_per_s=self.samples_per_step(shape) / bound.seconds if bound else None,
            )
        return self._kept[shape]

    def samples_per_step(self, shape: Shape) -> int:
        """Return the rows of one optimizer step; a joint micro-batch holds the batch once per task."""
        tasks = self.answer.key.tasks[1] if self.answer.recipe.task_mixing == "joint" else 1
        return shape.effective_batch_size * tasks

    def tried(self, shape: Shape) -> Answer:
        """Return the answer whose recipe has the shape, to be probed."""
        recipe, settings = self.answer.recipe, self.settings(shape)
        changed = replace(
            recipe,
            origin="tuned",
            status="predicted",
            settings=settings,
            effective_batch_size=shape.effective_batch_size,
            provenance=recipe.provenance | self._provenance(settings),
            ladder=build_ladder(self.answer.key, settings, shape.effective_batch_size),
        )
        return replace(self.answer, recipe=changed, memory=self.memory(shape), evidence=[])

    def _provenance(self, settings: Settings) -> dict[str, Provenance]:
        before = self.answer.recipe.settings
        rules = {"per_device_train_batch_size": "memory-estimate", "gradient_accumulation_steps": "memory-estimate"}
        if settings.per_device_eval_batch_size != before.per_device_eval_batch_size:
            rules["per_device_eval_batch_size"] = "eval-batch"
        if settings.learning_rate != before.learning_rate:
            rules["learning_rate"] = self.rate_rule
        if settings.precision != before.precision:
            rules["precision"] = "precision"
        return {name: Provenance(rule=rule) for name, rule in rules.items()}

    def _floor(self, shape: Shape) -> Floor | None:
        """Return the roofline of a step; None without a trace of it, or for a card of which only the size is known."""
        answer, settings = self.answer, self.settings(shape)
        key, gpu, mixing = answer.key, answer.gpu, answer.recipe.task_mixing
        if gpu is None:
            return None
        context, total = context_on(self.store, key, gpu), total_bytes(self.store, key, gpu)
        question = question_of(self.store, key, settings, mixing, answer.model, gpu, context, total)
        if question is None:
            return None
        step = question.step.at(question.rows, question.length)
        step = step.with_update(question.update) if question.update else step
        return floor(step, gpu, precision=settings.precision, tf32=settings.tf32, accumulation=shape.accumulation)
