"""How a request proves to a provider who pays: one scheme each, one method."""
