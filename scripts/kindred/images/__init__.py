"""Images: choosing, reading and preparing them; a module per kind of source."""
