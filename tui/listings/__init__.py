"""Pages and feeds become vehicles with URLs; no image is fetched here."""
