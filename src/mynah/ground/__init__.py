"""What everything stands on: errors, progress, randomness, processes."""
