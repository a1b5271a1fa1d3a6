"""Runs the command line as `python -m capgen`, where no script is installed."""

from capgen.cli import main

main()
