"""Checkpoints from elsewhere: finding, reading, converting and checking them."""
