"""Mutation of the rules: each is disabled, each row of the tables flipped, one at a time."""
