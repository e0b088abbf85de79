"""Music on disk: libraries, FMA, the decoded cache."""
