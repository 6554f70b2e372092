"""Where a name leads: from a configured address to an ordered list of targets, without I/O."""
