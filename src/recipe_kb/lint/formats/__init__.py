"""How findings are written for those who read them: one format, one file."""
