"""One source URL in, a verified picture or one reason out: politely and safely."""
