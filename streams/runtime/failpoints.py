"""Points at which a test kills the process: SIDESTEP_FAILPOINT=name:n ends it with SIGKILL at the nth pass of that
point.

The kill tests are the proof of the delivery guarantee, so the points stand in the product, where they can't drift from
the code they test. Without the variable a pass costs one comparison with None.
"""

import os
import signal
from collections.abc import Callable, Mapping


def from_environment(environment: Mapping[str, str] | None = None) -> Callable[[str], None]:
    """The function to call at each point, by the point's name."""
    wanted, _, nth = (os.environ if environment is None else environment).get("SIDESTEP_FAILPOINT", "").partition(":")
    if not wanted:
        return _pass
    passes = 0

    def failpoint(name: str) -> None:
        nonlocal passes
        if name == wanted:
            passes += 1
            if passes >= int(nth or 1):
                os.kill(os.getpid(), signal.SIGKILL)

    return failpoint


def _pass(name: str) -> None:
    """No failpoint is set."""
