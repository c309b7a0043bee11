"""Repairs of source text: each in one place, for all normalizers that need it.

`blanks` folds blanks and repairs characters, `marks` joins punctuation to its words, `tokenizing`
undoes tokenizers, `wikipedia` drops what its pages leave, `news` what stands before an article's
first word, `formulas` writes LaTeX as people do. Nothing here knows a dataset.
"""

# Raised where a repair gives other text: stored examples are then read anew.
VERSION = 1
