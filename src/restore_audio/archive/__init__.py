"""Collections: a manifest of recordings, an engine that works on them, and tables of what became of each."""
