"""ZIP codes and cities of the United States, kept between two starts: making them costs a second, reading them little.

What is kept is no authority. The file names what it was made of (the library's version, our corrections, this layout)
and the digest of what it holds; whenever anything does not fit, or cannot be read or written, the tables are made from
the library again.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from itertools import chain
from pathlib import Path
from string import digits
from typing import Any, Final

from compliance.locations import ZipPlace

_LAYOUT: Final = "fairdial postal tables 1"
_NAME: Final = "postal-tables.json"

Zones = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Postal:
    """Both tables.

    Attributes:
        zips: five digits to the place.
        cities: (state, lower-case name) to zones.
    """

    zips: Mapping[str, ZipPlace]
    cities: Mapping[tuple[str, str], Zones]


def load_postal(table: Mapping[str, Any], clean: Callable[[Iterable[str]], Zones], folder: Path | None) -> Postal:
    """The tables as they were kept in `folder`, or made anew and kept there.

    Args:
        table: the content of `places.toml`.
        clean: zones of a place in their canonical names.
        folder: where they are kept between two starts; None: nowhere.
    """
    if folder is None:
        return _make(table, clean)
    file, made_of = folder / _NAME, _fingerprint(table)
    try:
        return _read(file.read_bytes(), made_of)
    except (OSError, ValueError, TypeError, KeyError, IndexError):  # not there, not ours, or damaged: all the same
        made = _make(table, clean)
    with suppress(OSError):  # a full disk costs the next start a second and nothing else
        _keep(file, _written(made, made_of))
    return made


def _fingerprint(table: Mapping[str, Any]) -> str:
    parts = [_LAYOUT, metadata.version("zipcodes"), json.dumps(table, sort_keys=True, default=str)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


# --- made from the library -----------------------------------------------------------------------------------------


def _make(table: Mapping[str, Any], clean: Callable[[Iterable[str]], Zones]) -> Postal:
    import zipcodes  # not needed where the tables were kept

    fixed: dict[str, list[str]] = table["corrections"]["zips"]
    counties = {(city["state"], county): name for name, city in table["cities"].items() for county in city["counties"]}
    cities: dict[tuple[str, str], set[str]] = defaultdict(set)
    zips: dict[str, ZipPlace] = {}
    # By first digit: the library keeps what `list_all` gives, a hundred megabytes, for as long as the process lives.
    for row in chain.from_iterable(zipcodes.similar_to(digit) for digit in digits):  # type: ignore[no-untyped-call]
        code, state = row["zip_code"], row["state"]
        zones = clean(fixed.get(code, [row["timezone"]]))
        if not zones:
            zones = tuple(table["states"]["US"].get(state, ()))
        if code in zips:
            zones = tuple(sorted({*zones, *zips[code].zones}))
        zips[code] = ZipPlace(zones, state, counties.get((state, row["county"])))
        for name in (row["city"], *row["acceptable_cities"]):
            cities[state, name.lower()].update(zones)
    return Postal(zips, {key: tuple(sorted(zones)) for key, zones in cities.items()})


# --- kept ----------------------------------------------------------------------------------------------------------


def _written(postal: Postal, made_of: str) -> bytes:
    """Codes and names in columns; their few hundred different places and zones once each."""
    places = {place: index for index, place in enumerate(dict.fromkeys(postal.zips.values()))}
    zones = {each: index for index, each in enumerate(dict.fromkeys(postal.cities.values()))}
    content = {
        "places": [[place.zones, place.state, place.city] for place in places],
        "codes": list(postal.zips),
        "place_of_code": [places[place] for place in postal.zips.values()],
        "zones": list(zones),
        "states": [state for state, _ in postal.cities],
        "cities": [city for _, city in postal.cities],
        "zones_of_city": [zones[each] for each in postal.cities.values()],
    }
    body = json.dumps(content, separators=(",", ":")).encode()
    return f"{made_of} {hashlib.sha256(body).hexdigest()}\n".encode() + body


def _read(data: bytes, made_of: str) -> Postal:
    head, _, body = data.partition(b"\n")
    if head != f"{made_of} {hashlib.sha256(body).hexdigest()}".encode():
        raise ValueError("made of something else, or damaged")
    content = json.loads(body)
    places = [ZipPlace(tuple(zones), state, city) for zones, state, city in content["places"]]
    zones = [tuple(each) for each in content["zones"]]
    cities = zip(content["states"], content["cities"], strict=True)
    return Postal(
        dict(zip(content["codes"], map(places.__getitem__, content["place_of_code"]), strict=True)),
        dict(zip(cities, map(zones.__getitem__, content["zones_of_city"]), strict=True)),
    )


def _keep(file: Path, data: bytes) -> None:
    """Replace the file in one step, so that nobody reads half of it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)  # its owner's alone
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
