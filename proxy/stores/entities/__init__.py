"""Keys, users, teams and the rest of what an operator keeps about callers."""
