"""What the operator sees: logs now, metrics and traces in their own files."""
