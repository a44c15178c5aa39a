"""Analyses of tables: clusters, ensembles, components, published values."""
