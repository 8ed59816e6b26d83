"""Where reasoning is kept for the next turn."""
