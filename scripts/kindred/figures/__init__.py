"""Figures: each module draws one kind of figure from a table and composes its caption.

Nothing is imported here, and no module below needs torch, timm, xarray or zarr: a laptop redraws every figure
from the tables.
"""
