"""What every test shares: how hypothesis searches.

`make test` draws the same examples each time, so that a red run means a change and not luck;
`HYPOTHESIS_PROFILE=search` draws new ones. The health checks that are off measure the machine, not the code.
"""

import os

from hypothesis import HealthCheck, settings

_MACHINE = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=_MACHINE)
settings.register_profile("search", deadline=None, suppress_health_check=_MACHINE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
