"""What a person looks at: the report of a build, in a browser or a terminal, and what differs.

It reads build directories (and, while one is being made, its plan); it never changes them.
"""
