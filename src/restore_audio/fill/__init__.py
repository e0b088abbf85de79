"""Repair damage: each way to fill a gap, the choice among them, and the splice that touches nothing else."""
