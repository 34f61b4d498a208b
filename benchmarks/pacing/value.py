"""What dialing by value brings: expected recovery per agent hour beside the list's order, on made-up lists.

`python -m benchmarks.pacing.value`, half a minute; with `--publish FILE` the page is written. The choice is the
production code (`dialer.choice`, `pacing.value`, `pacing.pool`); lists, answers and payments are made here, by laws it
is not told.
"""

from __future__ import annotations

import argparse
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import mean

from accounts.model import Claim
from dialer.campaign_loop import CHOICE, CLAIM_AT_ONCE, SPARE
from dialer.choice import Choice
from domain.ids import CampaignId, DebtId, PersonId, PhoneId
from domain.phone import PhoneNumber
from pacing.experience import Experience
from pacing.pool import best_first
from pacing.settings import PacingSettings
from pacing.snapshot import Candidate
from pacing.value import Owed, PartyFacts, RightParty, recoveries

ACCOUNTS = 4000
POWERS = (0.0, 0.5, 1.0)
NAMES = {0.0: "all pay alike", 0.5: "as the root of the balance", 1.0: "in proportion"}
REACHED = (0.25, 0.5, 0.75, 1.0)
ANSWERS = {"mobile": 0.40, "home": 0.25, "work": 0.12}
RIGHT = {
    ("mobile", "mobile"): 0.85, ("home", "landline"): 0.6, ("home", "voip"): 0.45,
    ("work", "landline"): 0.35, ("work", "voip"): 0.25,
}  # fmt: skip
PAGE = """# What dialing by value brings

Written by `python -m benchmarks.pacing.value --publish`; not edited by hand. Expected recovery per agent hour, as a
multiple of what the order of the list brings in the same hours. It is a computation on made-up lists, not a
measurement on a floor: how much your list gains depends on how different its accounts are.

* Mean of three lists of 4,000 accounts of one priority in random order, each dialed once. Balances are lognormal
  (median about $600, spread 1.2 on the log scale): the richest tenth owes about half of the money.
* A person answers 6 to 40 % of dials, by use of the number and tries; the code is taken to have learned these
  chances. 25 to 85 % of those who answer are the person sought, by use and line type; the code learns that from what
  agents say.
* What a right person pays is a power of the balance. Nobody knows which is true of a portfolio, so there are three
  columns; the code assumes none of them.
* Right persons talk for 150 s, others for 30 s, wrap-up takes 20 s. A line takes 10 s to an answer, 22 s without
  one; with an agent kept free for it, that is agent time. Where it is predicted, an agent waits 15 s for each
  conversation instead.
* "Time for": the agent hours there are, as a share of those the whole list takes. With time for everybody the order
  brings nothing, and nobody is left out.
* "Whole list sorted": what sorting the whole list by the same worth would bring (root of the balance); the engine
  chooses among the few it has claimed.
"""
FORECAST = Experience().forecast(1, PacingSettings(), [], [], {})


@dataclass(frozen=True, slots=True)
class Account:
    """One account and the truth about it."""

    held: Claim
    answers: float
    right: float

    def agent_s(self, *, kept_free: bool) -> float:
        """Expected agent time of a dial."""
        talk = self.right * 150.0 + (1.0 - self.right) * 30.0 + 20.0
        waits = 10.0 * self.answers + 22.0 * (1.0 - self.answers) if kept_free else 15.0 * self.answers
        return waits + self.answers * talk

    def recovery(self, power: float) -> float:
        """Expected payment of a dial, in units that differ by power."""
        return self.answers * self.right * self.held.balance_cents**power


def made(seed: int) -> list[Account]:
    """A list."""
    random = Random(seed)
    accounts = []
    for entry in range(1, ACCOUNTS + 1):
        use, line_type = random.choice(list(RIGHT))
        tries = random.randrange(5)
        held = Claim(
            entry=entry, campaign=CampaignId(1), person=PersonId(entry), debt=DebtId(entry), phone=PhoneId(entry),
            number=PhoneNumber("+12125551000"), priority=0, attempts=tries, reserved_agent_only=False, engine="bench",
            until=datetime(2026, 11, 24, tzinfo=UTC), use=use, line_type=line_type,
            balance_cents=int(100 * random.lognormvariate(6.4, 1.2)), currency="USD",
        )  # fmt: skip
        accounts.append(Account(held, ANSWERS[use] * 0.85**tries, RIGHT[use, line_type]))
    return accounts


@dataclass
class Order:
    """Ranks claims as the engine does, and learns from the conversations."""

    accounts: dict[int, Account]
    parties: RightParty
    random: Random

    def ranked(self, held: list[Claim]) -> list[Claim]:
        sums = recoveries([Owed(one.balance_cents, one.currency) for one in held])
        candidates = [
            Candidate(1, self.accounts[one.entry].answers, amount * self.parties.chance(facts_of(one)))
            for one, amount in zip(held, sums, strict=True)
        ]
        return [held[i] for i in best_first(candidates, FORECAST)]

    def dialed(self, one: Claim) -> None:
        truth = self.accounts[one.entry]
        if self.random.random() < truth.answers:
            self.parties.learn(facts_of(one), right=self.random.random() < truth.right)


def facts_of(held: Claim) -> PartyFacts:
    return PartyFacts(held.attempts, held.use, held.line_type)


def by_value(accounts: list[Account], wanted: int, choice_of: int, seed: int) -> list[Account]:
    """All accounts in the order in which the engine would dial them, `wanted` at a time."""
    known = {one.held.entry: one for one in accounts}
    order, choice = Order(known, RightParty(), Random(seed)), Choice()
    ready, dialed = sorted(known), []
    while ready:
        asked = min(choice_of * wanted + SPARE, CLAIM_AT_ONCE)
        first = bisect_right(ready, choice.places.get(0, 0))
        first = 0 if first == len(ready) else first
        held = list(choice.arrange([known[entry].held for entry in ready[first : first + asked]], order.ranked))
        for one in held[:wanted]:
            order.dialed(one)
            ready.remove(one.entry)
            dialed.append(known[one.entry])
        choice.dialed(held, held[wanted:], asked, enough=len(held) >= wanted)
    return dialed


def whole_list(accounts: list[Account]) -> list[Account]:
    """The whole list in order of worth, the right-party chances known: what no bounded choice can pass."""
    sums = recoveries([Owed(one.held.balance_cents) for one in accounts])
    candidates = [Candidate(1, one.answers, s * one.right) for one, s in zip(accounts, sums, strict=True)]
    return [accounts[i] for i in best_first(candidates, FORECAST)]


def per_hour(dialed: list[Account], hours: float, power: float, *, kept_free: bool) -> float:
    """Expected recovery per agent hour of what is dialed within so many agent hours."""
    left, total = hours * 3600.0, 0.0
    for one in dialed:
        if left <= 0.0:
            break
        left -= one.agent_s(kept_free=kept_free)
        total += one.recovery(power)
    return total / hours


def gain(orders: list[list[Account]], lists: list[list[Account]], share: float, power: float, kept: bool) -> float:
    """Expected recovery per agent hour over that of the list's order, with this share of the time it takes."""
    ratios = []
    for plain, order in zip(lists, orders, strict=True):
        hours = share * sum(one.agent_s(kept_free=kept) for one in plain) / 3600.0
        ratios.append(per_hour(order, hours, power, kept_free=kept) / per_hour(plain, hours, power, kept_free=kept))
    return mean(ratios)


def table(lists: list[list[Account]], choice_of: int) -> str:
    """The table."""
    heads = ("agents", "lines at once", "time for", *(NAMES[power] for power in POWERS), "whole list sorted")
    rows = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    sorted_lists = [whole_list(one) for one in lists]
    for kept, wanted in ((True, 1), (True, 5), (False, 3), (False, 15)):
        chosen = [by_value(one, wanted, choice_of, seed) for seed, one in enumerate(lists)]
        for share in REACHED:
            gains = [gain(chosen, lists, share, power, kept) for power in POWERS]
            best = gain(sorted_lists, lists, share, 0.5, kept)
            figures = " | ".join(f"{figure:.2f}" for figure in (*gains, best))
            rows.append(f"| {'kept free' if kept else 'predicted'} | {wanted} | {share:.0%} of the list | {figures} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--choice", type=int, default=CHOICE, help="accounts claimed for each one wanted")
    parser.add_argument("--lists", type=int, default=3)
    parser.add_argument("--publish", type=Path, default=None, help="write the page here")
    options = parser.parse_args()
    made_up = table([made(seed) for seed in range(options.lists)], options.choice)
    print(made_up)
    if options.publish is not None:
        options.publish.write_text(f"{PAGE}\n{made_up}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
