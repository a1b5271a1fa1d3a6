"""One declarative capacity spec per service, compiled into what watches and scales it."""

__version__ = "0.1.0"
