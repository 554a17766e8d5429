"""What a worker tells of itself: health, metrics, logs."""
