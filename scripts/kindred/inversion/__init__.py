"""Inversion of representations (Jones et al. 2022)."""
