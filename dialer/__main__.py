"""The `dialer` program, also as `python -m dialer`.

`dialer run` is started without the other commands: they import twice what an engine needs, and after a crash somebody
waits for it.
"""

from __future__ import annotations

import gc
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line."""
    if sys.argv[1:2] == ["run"]:
        gc.disable()  # until the engine stands: everything made on the way is kept anyway (dialer.timings)
        from dialer.run_cli import app
    else:
        from dialer.cli import app
    from dialer.command_line import run_reporting_errors

    try:
        run_reporting_errors(app)
    finally:
        gc.enable()


if __name__ == "__main__":
    main()
