"""`make bench`: speeds as ratios inside one run, so that a noisy machine does not change what they say."""
