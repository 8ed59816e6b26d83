"""The gateway's face: ASGI in, ASGI out. Nothing in here knows a provider."""
