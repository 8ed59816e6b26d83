"""Where the records of calls are kept."""
