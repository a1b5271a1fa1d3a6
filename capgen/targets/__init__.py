"""The outside that is written to: a folder, and an API server."""
