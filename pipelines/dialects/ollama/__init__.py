"""Ollama's own chat and generate, whole and streamed, for clients and for providers."""
