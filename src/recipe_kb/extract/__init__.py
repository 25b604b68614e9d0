"""Training configurations found in guides, notebooks, scripts and files of settings; parsed, never executed."""
