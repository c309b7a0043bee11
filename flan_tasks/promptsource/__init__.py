"""P3: prompts of promptsource's template files, read from the user's copy and rendered here.

Nothing of a template is executed but Jinja, in a sandbox and within bounds. What ships is an index
of names and facts; the wording stays where its authors published it.
"""
