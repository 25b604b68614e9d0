"""The `kb` command: one file per command, thin over the other packages."""
