"""Wrong numbers that users of other systems met: each case is a test named after it."""
