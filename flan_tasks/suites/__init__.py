"""Suites: benchmarks as data files, asked and scored exactly as their papers or harnesses do."""
