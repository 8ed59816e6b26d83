"""The table of prices: what models cost for which the operator has set no price."""
