"""Where the weights that ship lie. Nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path


def models_dir() -> Path:
    """Where shipped weights lie: in the installed package, or beside ``src`` in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "models"
    return inside if inside.is_dir() else package.parent.parent / "models"
