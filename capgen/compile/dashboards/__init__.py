"""Derives the dashboards: of each service from its signals, autoscalers and plans, of the fleet from its facts."""
