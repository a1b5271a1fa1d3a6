"""Measurements of the past as plain series, wherever they come from: CSV, Parquet, any Prometheus-compatible API."""
