"""python -m stdyn, and where the command `stdyn` begins: a signal while it is imported is no traceback either."""

import sys


def main() -> None:
    """Run the command."""
    try:
        from stdyn.command.main import main as command
    except KeyboardInterrupt:
        print("stdyn: interrupted before anything was written", file=sys.stderr)
        sys.exit(130)
    command()


if __name__ == "__main__":
    main()
