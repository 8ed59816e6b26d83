"""Broken and hostile bytes for every reader, client parser and gauge."""
