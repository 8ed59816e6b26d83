"""Tells people what goes wrong."""
