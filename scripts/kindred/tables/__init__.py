"""Tidy tables, collected from stores and tiles."""
