"""How bytes reach providers: aiohttp for those in the network, a mock for the built-in one."""
