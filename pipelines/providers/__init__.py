"""Providers are data: one table each in `catalog/`, read by `load.py`."""
