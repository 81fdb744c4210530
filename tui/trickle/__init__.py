"""The engine: claim, images, record, mark."""
