"""The sentences we fail with.

A user's mistake is a :class:`RestoreError` with one whole sentence: what is wrong, with which
file, and what to do about it. A programmer's mistake is ``ValueError`` or ``assert``.
"""

from __future__ import annotations


class RestoreError(Exception):
    """Something a person can mend. ``str(error)`` is the sentence they read."""

    exit_code = 1


class UsageError(RestoreError):
    """The command was called with arguments that do not fit together."""

    exit_code = 2


class InputError(RestoreError):
    """An input file cannot be used."""


class OutputError(RestoreError):
    """An output file cannot be written; nothing that was there before is lost."""


class ModelError(RestoreError):
    """Weights are missing, corrupted or of another network."""


class DeviceError(RestoreError):
    """The device that was asked for is not on this machine."""
