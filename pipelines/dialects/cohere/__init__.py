"""Cohere's chat, version 2, as providers speak it."""
