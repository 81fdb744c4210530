"""Trickle the photos of vehicle listings into your own storage."""

__version__ = "0.1.0"
