"""Campaigns: faults drawn at random, many of them, and what became of each."""
