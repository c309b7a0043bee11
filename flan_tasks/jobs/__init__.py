"""What users ask for, each job as one function: from its specification to a typed result.

The command line and the Python calls are these functions; nothing is decided above them.
"""
