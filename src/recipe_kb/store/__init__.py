"""From files of `kb/` to records, with file and line for everything that is wrong."""
