"""How fast something is: ``python -m benchmarks.speed {pretrain,loader,...} [--json F]``.

Each name is a module beside this one; ``--help`` after it tells its options.
"""

import argparse
import sys
from importlib import import_module

NAMES = (
    "anonymize",
    "checks",
    "e2fgvi",
    "knexus",
    "loader",
    "pipeline",
    "pretrain",
    "verify",
)


def main() -> None:
    """Run the measurement that the first word names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    name = parser.parse_args(sys.argv[1:2]).name
    sys.argv[:2] = [f"python -m benchmarks.speed {name}"]
    import_module(f"benchmarks.speed.{name}").main()


if __name__ == "__main__":
    main()
