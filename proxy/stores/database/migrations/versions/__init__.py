"""The steps by which the tables came to be; each adds, none takes away."""
