"""Registers the fixtures that run real components, for every test."""

pytest_plugins = [
    "harness.controlplane",
    "harness.prometheus",
    "harness.delivery",
    "harness.previews",
    "harness.proxy",
]
