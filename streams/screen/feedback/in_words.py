"""A bounce in our own schema that gives a mail server's words and nothing else: what they mean. Pure."""

from collections.abc import Callable

from msgspec.structs import replace

from sidestep.schemas import Bounce
from sidestep.streams.screen.feedback.classify import Ruling
from sidestep.streams.screen.feedback.reasons import hardness, scope_of
from sidestep.streams.screen.feedback.smtp import find_reply, find_status

VAGUE = ("onhold", "undefined", "vacation", "delivered")
"""Rulings by which a bounce says no more than that it is one."""


def completed(bounce: Bounce, classify: Callable[[str, str, str, str], Ruling]) -> Bounce:
    """The bounce with reason, scope, `hard` and status as its `reply` has them, where it gives none of these itself.

    A mailer that knows SMTP and not our vocabulary says what it was told. `classify`: recipient, reply, status and host
    to a ruling.
    """
    told = bounce.reason or bounce.status or bounce.scope or bounce.hard is not None
    if told or not bounce.reply or bounce.kind != "bounce":
        return bounce
    reason = classify(bounce.recipient, bounce.reply, "", "").reason
    if reason in VAGUE:
        return bounce
    code = find_reply(bounce.reply)
    status = find_status(bounce.reply, code[:1])
    hard = hardness(reason, status, code)
    return replace(bounce, reason=reason, scope=scope_of(reason), hard=hard, status=status)
