"""Fixtures that run the real components: an API server, Prometheus, Alertmanager, and where to find their files."""
