"""What `train` does: data, damage, the loop."""
