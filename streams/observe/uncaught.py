"""Exceptions that nobody catches, in threads, in finalizers or before a loop runs: into the log like everything else.

Python itself would write them to standard error as they are: with line ends, control characters and addresses in them.
"""

import logging
import sys
import threading
from types import TracebackType
from typing import Any

log = logging.getLogger(__name__)


def log_what_nobody_catches() -> None:
    """For the rest of the process. Called by servers and workers, after logs are configured."""
    sys.excepthook = _of_main
    threading.excepthook = _of_thread
    sys.unraisablehook = _of_finalizer


def _of_main(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("an error of ours that nobody caught; please report it", exc_info=(kind, error, trace))


def _of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is None or isinstance(ended.exc_value, SystemExit):
        return
    name = ended.thread.name if ended.thread is not None else "?"
    info = (ended.exc_type, ended.exc_value, ended.exc_traceback)
    log.critical("the thread %s ended by an error of ours; please report it", name, exc_info=info)


def _of_finalizer(passed_over: Any) -> None:
    error = passed_over.exc_value
    if error is not None:
        log.error(
            "an error was passed over: %s", type(error).__name__, exc_info=(type(error), error, error.__traceback__)
        )
