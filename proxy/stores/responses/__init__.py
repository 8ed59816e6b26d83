"""Where responses are kept for those who go on from them."""
