"""Metrics, and what predictions are compared with."""
