"""Our phone among servers and tools that aren't ours, on loopback addresses."""
