"""Activations: layers, hooks, penultimate features, extraction in batches."""
