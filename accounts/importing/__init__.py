"""Accounts from a client's file: read with suspicion, shown before anything happens, loaded whole or not at all.

`preview` shows what a file holds and what each column is taken for; `load` checks every row, sets the good ones aside
in the store, and applies them in short steps between which dialing goes on. A crash in between is taken up again by
`resume`; bad rows are listed in a file with what to do about each.
"""

from accounts.importing.load import ImportPlan, ImportReport, Progress, load, resume
from accounts.importing.preview import Preview, preview

__all__ = ["ImportPlan", "ImportReport", "Preview", "Progress", "load", "preview", "resume"]
