"""Recorded episodes as policies see them, and what their files say of where they come from."""
