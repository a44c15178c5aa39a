"""Adversarial attacks: a module per method."""
