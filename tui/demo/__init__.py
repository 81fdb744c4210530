"""A small dealer world on loopback."""
