"""Find damage: one module for each way in which it shows, each looking at one window ``(C, T)`` at a time."""
