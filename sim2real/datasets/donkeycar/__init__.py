"""Import of Donkeycar tubs (v2), with an account of every record."""
