"""Damage as machines make it: drawn into records, applied from them, with the true spans."""
