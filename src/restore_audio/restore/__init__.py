"""What `fix` does: find the spans, fill them, splice them in."""
