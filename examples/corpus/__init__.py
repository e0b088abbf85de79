"""Builds a training corpus of openly licensed music and speech out of Debian's packages."""
