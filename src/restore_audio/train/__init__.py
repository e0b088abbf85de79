"""What `train` does: examples, tasks, the loop, the folder of a run."""
