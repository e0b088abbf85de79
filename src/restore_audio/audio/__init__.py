"""Recordings in and out: the only code that opens them."""
