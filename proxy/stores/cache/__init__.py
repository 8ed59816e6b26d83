"""Where replies are kept for those who ask the same again."""
