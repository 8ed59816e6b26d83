"""Ledgers: in memory, in SQLite, in PostgreSQL and in Redis; one conformance suite for all."""
