"""Recorded episodes as policies see them, and their origin."""
