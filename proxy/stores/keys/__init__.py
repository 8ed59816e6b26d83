"""Who is known to the gateway."""
