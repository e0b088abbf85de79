"""The command line: parse, call, exit. One module for each command or group of commands."""

from __future__ import annotations

from .app import main

__all__ = ["main"]
