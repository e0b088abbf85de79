"""What `bench` and `score` do: metrics, baselines, protocols."""
