"""Figures: each module draws one from tables and composes its caption, on what `layout` has for all of them.

No module needs torch or timm, and only the gallery's images zarr: a laptop redraws every figure from the tables.
"""
