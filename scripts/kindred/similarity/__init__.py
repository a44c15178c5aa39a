"""Similarity: Gram matrices and a module per measure."""
