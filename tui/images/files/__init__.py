"""What the bytes of an image file say, and whether they are all there."""
