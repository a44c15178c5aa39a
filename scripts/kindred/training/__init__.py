"""Training: the loop, and a module per method."""
