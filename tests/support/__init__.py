"""What several tests lean on: a loopback image host, a small world, a worker that dies where it is told to."""
