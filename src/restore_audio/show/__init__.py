"""What people look at: console, reports, pictures."""
