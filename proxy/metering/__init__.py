"""What the gateway measures of itself, besides its calls."""
