"""The rows of a build, read from Python without building it."""
