"""Embeddings through their own hub: every client speaks OpenAI's, each provider its own."""
