"""Recipe settings in each trainer's own spelling: one file per dialect, reading and writing side by side."""
