"""One rule, one file: its docstring is the page, its good and bad examples are its tests."""
