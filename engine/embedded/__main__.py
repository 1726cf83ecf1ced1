"""The guard process: `python -m engine.embedded STATE_FOLDER [--throwaway]`, started by `EmbeddedServers.start`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from engine.embedded.guard import guard


def main() -> int:
    """Guard the servers of one state folder until standard input closes; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m engine.embedded", description=__doc__)
    parser.add_argument("state_dir", type=Path)
    parser.add_argument("--throwaway", action="store_true")
    arguments = parser.parse_args()
    return guard(arguments.state_dir, throwaway=arguments.throwaway)


if __name__ == "__main__":
    sys.exit(main())
