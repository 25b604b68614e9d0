"""Fine-tuning recipes that are true, each number with its origin."""

__version__ = "0.1.0"
