"""Learning rates that authors published for a model, or for those that are built like it."""

from dataclasses import dataclass

from recipe_kb.lint.subject import Subject
from recipe_kb.resolve.rules import linear_sgd, sqrt_adam
from recipe_kb.schema.model import Model


@dataclass(frozen=True, kw_only=True)
class Published:
    """What was published.

    Attributes:
        rates: Lowest and highest learning rate.
        batches: Lowest and highest effective batch that they belong to.
        whose: The model, or those of the same architecture and size where its authors give one rate only.
        is_range: More than one rate was published.
    """

    rates: tuple[float, float]
    batches: tuple[int, int]
    whose: str
    is_range: bool

    def moved(self, effective: int, optimizer: str | None) -> tuple[float, float]:
        """Return the rates for another effective batch, by the rule of the optimizer."""
        move = linear_sgd if optimizer == "sgd" else sqrt_adam
        low, high = self.batches
        nearest = min(max(effective, low), high)
        return (move(self.rates[0], nearest, effective), move(self.rates[1], nearest, effective))


def published_for(subject: Subject) -> Published | None:
    """Return what is published of full fine-tuning; None where the model is not known."""
    if subject.model is None:
        return None
    own = _of([subject.model], subject.model_id or "")
    if own.is_range:
        return own
    name = ("published", *_size(subject.model))
    if name not in subject.kept:
        every = [(model_id, subject.store.model(model_id)) for model_id in subject.store.model_ids()]
        alike = {model_id: model for model_id, model in every if _size(model) == _size(subject.model)}
        subject.kept[name] = _of(list(alike.values()), ", ".join(alike))
    found: Published = subject.kept[name]
    return found if found.is_range else own


def _size(model: Model) -> tuple[str, int, int]:
    """Return what models must share: larger ones of an architecture are trained with smaller rates."""
    return (model.architecture, model.shape.hidden_size, model.shape.num_layers)


def _of(models: list[Model], whose: str) -> Published:
    tuned = [model.fine_tuning for model in models]
    rates = {rate for one in tuned for rate in (*one.learning_rates, one.learning_rate)}
    batches = {batch for one in tuned for batch in (*one.batch_sizes, one.effective_batch_size)}
    return Published(
        rates=(min(rates), max(rates)),
        batches=(min(batches), max(batches)),
        whose=whose,
        is_range=len(rates) > 1,
    )
