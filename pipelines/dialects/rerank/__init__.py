"""Rankings through their own hub: one shape for clients, each provider's own behind."""
