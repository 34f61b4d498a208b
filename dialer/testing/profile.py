"""The test carrier's chances: how likely each behaviour is and how long things take, repeatable by seed.

Nothing here is random at run time. Each distribution becomes a table of 256 equally likely values, and a call picks its
rows by the digits of md5(seed:number:n), n counting the calls to that number. The dialplan does the same with the same
tables, so Python can say beforehand what any call will be like.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from statistics import NormalDist
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dialer.testing.number_plan import Behaviour, fixed_behaviour
from domain.phone import PhoneNumber

ROWS: Final = 256
"""Values per table: one for each pair of hexadecimal digits."""

_STANDARD_NORMAL: Final = NormalDist()


class ProfileError(ValueError):
    """A profile file cannot be read or makes no sense."""


class Spread(BaseModel):
    """A log-normal span of seconds, cut off at both ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: Annotated[float, Field(gt=0)]
    sigma: Annotated[float, Field(ge=0, le=3)]
    least: Annotated[float, Field(ge=0)]
    most: Annotated[float, Field(gt=0, le=600)]

    @model_validator(mode="after")
    def _ends_in_order(self) -> Self:
        if self.least > self.most:
            raise ValueError("least is above most")
        return self

    def table(self) -> tuple[int, ...]:
        """256 equally likely values in milliseconds: the quantiles at the middle of each of 256 equal shares."""
        # E[X] = exp(mu + sigma^2 / 2) for a log-normal X
        mu = log(self.mean) - self.sigma**2 / 2
        shares = ((row + 0.5) / ROWS for row in range(ROWS))
        seconds = (exp(mu + self.sigma * _STANDARD_NORMAL.inv_cdf(share)) for share in shares)
        return tuple(round(1000 * min(max(s, self.least), self.most)) for s in seconds)


class Profile(BaseModel):
    """What the numbers without a fixed behaviour do, and how long everything takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: Mapping[Behaviour, Annotated[float, Field(ge=0)]]
    post_dial_delay: Spread
    ring: Spread
    talk: Spread

    @model_validator(mode="after")
    def _something_is_likely(self) -> Self:
        if sum(self.weights.values()) <= 0:
            raise ValueError("all weights are zero")
        return self

    def behaviours(self) -> tuple[Behaviour, ...]:
        """256 rows in proportion to the weights (largest remainders), in the order of the number plan."""
        total = sum(self.weights.values())
        exact = {behaviour: self.weights.get(behaviour, 0.0) * ROWS / total for behaviour in Behaviour}
        rows = {behaviour: int(share) for behaviour, share in exact.items()}
        by_remainder = sorted(Behaviour, key=lambda behaviour: exact[behaviour] - rows[behaviour], reverse=True)
        for behaviour in by_remainder[: ROWS - sum(rows.values())]:
            rows[behaviour] += 1
        return tuple(behaviour for behaviour in Behaviour for _ in range(rows[behaviour]))


@dataclass(frozen=True, slots=True)
class Draw:
    """What one call to one number turns out to be: rows 0 to 255 of each table."""

    behaviour_row: int
    post_dial_delay_row: int
    ring_row: int
    talk_row: int
    clip_row: int


def draw(seed: int, number: PhoneNumber, nth: int) -> Draw:
    """The rows that the n-th call (1, 2, ...) to a number picks; the dialplan's DRAW variable, pair by pair."""
    digest = hashlib.md5(f"{seed}:{number.digits}:{nth}".encode(), usedforsecurity=False).digest()
    return Draw(*digest[:5])


def behaviour_of(number: PhoneNumber, profile: Profile, seed: int, nth: int) -> Behaviour:
    """What the n-th call (1, 2, ...) to a number meets."""
    fixed = fixed_behaviour(number)
    return fixed if fixed is not None else profile.behaviours()[draw(seed, number, nth).behaviour_row]


def load_profile(path: Path) -> Profile:
    """Read a profile.

    Raises:
        ProfileError: no such file, not TOML, an unknown behaviour, a weight or time that makes no sense.
    """
    try:
        return Profile.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProfileError(f"carrier profile {path}: {error}") from error
    except ValidationError as error:
        faults = (f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors())
        raise ProfileError(f"carrier profile {path}: {'; '.join(faults)}") from error
