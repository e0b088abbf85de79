"""The six networks of the paper, and their weights in and out."""
