"""A recipe trained for real, briefly, in a child process; whatever happens to it becomes a verdict.

Imported by the command line, so nothing reached from `run` or `record` imports torch:
`child` is what runs in the other process, and only `session` and `telemetry` behind it do.
"""
