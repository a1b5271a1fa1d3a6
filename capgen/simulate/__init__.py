"""What would this have done? A workload's demand, replayed through Kubernetes' own scaling algorithm.

The replay is exact: the same numbers, in the order and the arithmetic of the controller, so that a test can hold it
against the controller itself, tick for tick. Everything here is pure; numpy is imported by the modules that use it,
which are imported by whoever replays.
"""
