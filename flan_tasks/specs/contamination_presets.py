"""Names of the rules by which training and evaluation examples are compared."""

FIELDS, GPT3, TULU = "fields", "gpt3", "tulu"
PRESETS = (FIELDS, GPT3, TULU)
