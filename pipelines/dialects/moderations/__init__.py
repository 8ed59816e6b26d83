"""Moderations through their own hub."""
