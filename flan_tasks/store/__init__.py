"""Normalized examples in Arrow files, each with a key and a checksum."""
