"""A Blueprint becomes artifacts: text for whoever consumes it, escaped for its format."""
