"""May this number be called now? Pure: facts and policy in, a decision with its reasons out.

Read `gate.py` first, then `rules.py` (what a rule is) and `policies/us.toml` (what rules there are).
"""

from compliance.decision import Answer, Decision, Flag
from compliance.facts import CallFacts, FactsError
from compliance.gate import decide
from compliance.packs import PolicyError
from compliance.policy import MINIMUM_TZDATA, Policy, load_policy
from compliance.walltime import use_packaged_tzdata

__all__ = [
    "MINIMUM_TZDATA",
    "Answer",
    "CallFacts",
    "Decision",
    "FactsError",
    "Flag",
    "Policy",
    "PolicyError",
    "decide",
    "load_policy",
    "use_packaged_tzdata",
]
