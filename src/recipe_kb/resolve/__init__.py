"""From a question to an answer: lookup, derivation, rules, explanation. Pure functions over records."""
