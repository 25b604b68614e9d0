"""Rules that read a configuration and explain what is wrong with it: one rule, one file."""
