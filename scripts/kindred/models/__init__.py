"""Classifiers: building, describing, storing and loading them."""
