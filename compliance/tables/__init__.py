"""The tables of places and holidays as data, and their loader: the only files the engine reads, once."""

from compliance.tables.loader import Holidays, TableError, load_holidays, load_places

__all__ = ["Holidays", "TableError", "load_holidays", "load_places"]
