"""What reports hold: pure functions from what was read to rows, which pages and reports share."""
