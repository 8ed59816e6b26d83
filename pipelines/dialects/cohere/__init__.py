"""Cohere's chat, version 2: a call's way in and out, a reply's way in and out."""
