"""The database: SQLite in a file, or PostgreSQL; its tables, and how they come to be."""
