"""What users call from Python, a module for each subject; everything heavy is imported when called.

`flan_tasks` has the list of the names, and imports the module of one when it is asked for: a module
of declarations does not wait for what trains a model.
"""
