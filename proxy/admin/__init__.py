"""The admin API: LiteLLM's management routes over the entities and the ledger."""
