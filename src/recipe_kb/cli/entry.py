"""What the `kb` script starts: so little that Ctrl-C is met from the first millisecond on."""

import sys


def main() -> None:
    """Run `kb` and exit; Ctrl-C while the program still loads ends it without a word, as exit code 130."""
    try:
        from recipe_kb.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()
