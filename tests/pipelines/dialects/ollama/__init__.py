"""Ollama's chat and generate: a call's way in and out, a reply's way in and out."""
