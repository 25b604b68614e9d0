"""One page of every kind."""

KINDS = {
    "start": "",
    "guide": "accumulation/",
    "pictures": "memory/",
    "commands": "commands/",
    "picker": "recipe-picker/",
    "fits": "fits/",
    "recipes": "recipes/",
    "recipe": "recipes/t4/biobert/8t-512-full/",
    "gpus": "gpus/",
    "gpu": "gpus/t4/",
    "models": "models/",
    "model": "models/phobert-base/",
    "claims": "claims/",
    "ledger": "claims/000/",
    "rules": "rules/",
    "rule": "rules/warm-up/",
    "glossary": "glossary/",
    "sources": "sources/",
    "changes": "changes/",
    "how many cards": "cards/",
    "rules of lint": "lint/",
    "rule of lint": "lint/accumulation-trap/",
    "programs": "json-api/",
    "decision": "adr/0004-vram-cards/",
}
LANGUAGES = ("en", "vi")
