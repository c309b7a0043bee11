"""Declarations, templates, rendering, mixing: the standard library alone."""
