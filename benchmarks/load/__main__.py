"""`python -m benchmarks.load [knee|floor|twin]`: those named, else the first two; tables on standard output."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.load import floor, knee, twin

PARTS: Final = {"knee": knee.measure, "floor": floor.measure, "twin": twin.measure}
FOLDER: Final = Path("var/load")


def main() -> None:
    """Run the parts named on the command line, each in a folder of its own."""
    for name in sys.argv[1:] or ("knee", "floor"):
        folder = (FOLDER / name).absolute()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        asyncio.run(PARTS[name](folder, Console(width=140)))


if __name__ == "__main__":
    main()
