"""How many optimizer steps a configuration runs."""

import math

from recipe_kb.lint.subject import Subject


def steps_of(subject: Subject) -> int | None:
    """Return the optimizer steps: `max_steps`, else epochs over the samples; None where neither is known."""
    steps = subject.count("max_steps")
    if steps:
        return steps
    epochs, samples, effective = subject.number("num_train_epochs"), subject.num_samples, subject.effective
    if not epochs or epochs < 0 or not samples or not effective:
        return None
    return math.ceil(epochs * math.ceil(samples / effective))
