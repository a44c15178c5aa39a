"""Machinery that figures share: style, page, matrices, charts, captions, and the reading of tables."""
