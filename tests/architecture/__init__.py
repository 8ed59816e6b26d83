"""The house rules, each kept by a test that reads the source."""
