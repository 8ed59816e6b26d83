"""State behind the ports: one folder a port, one file a backend."""
