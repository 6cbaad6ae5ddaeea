"""Donkeycar tubs (v2), imported with an account of every record."""
