"""First drafts of datasets of one's own: a declaration, templates and rows to begin with."""
