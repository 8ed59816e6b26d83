"""Every client's SDK against every recording of a provider, through a running gateway."""
