"""Which deployments may serve a name, and in which order: pure functions and small classes."""
