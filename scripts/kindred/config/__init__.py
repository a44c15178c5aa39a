"""The configuration: what may be asked for, defaults, messages."""
