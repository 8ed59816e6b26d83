"""Programs of other people, unchanged, at work through a running gateway."""
