"""What the warehouse's rows mean: meters, headroom, pace, prices, figures. Nothing here writes to a screen or asks for the time."""
