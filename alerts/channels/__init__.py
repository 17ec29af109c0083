"""How a notice leaves: one module for each kind of channel."""
