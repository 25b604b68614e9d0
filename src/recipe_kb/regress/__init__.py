"""Is it still as it was: new evidence against recorded evidence, and which recipes a change can affect."""
