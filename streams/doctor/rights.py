"""The check of the rights that principals have in Kafka."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from sidestep.streams.doctor import judge
from sidestep.streams.doctor.row import CheckRow
from sidestep.streams.errors import RightsError
from sidestep.streams.rights.cluster_acls import ClusterAcls
from sidestep.streams.rights.granted import Granted, findings
from sidestep.streams.rights.no_acl import without_acls
from sidestep.streams.rights.registry import USER, Registry
from sidestep.streams.screen.signers_file import read_own_topics
from sidestep.streams.settings import Settings
from sidestep.topics.acls import SERVICE
from sidestep.topics.described import described


def acls(settings: Settings, known: Registry) -> Iterator[CheckRow]:
    """The ACLs of a cluster against what each principal needs. Services that have ACLs count as known."""
    try:
        granted = ClusterAcls(settings.connection).read()
    except RightsError as error:
        if "no authorizer" in str(error):
            yield CheckRow("acls", "warning", str(error))
        else:  # Kafka's own words are of its requests
            what = "what principals may do can't be seen with these credentials"
            mend = "It takes DESCRIBE on the cluster, as the operator has it; sidestep acls check says why."
            yield CheckRow("acls", "unknown", what, mend)
        return
    registry = _with_services(_with_own(known, settings), granted)
    wanted = registry.wanted(settings.group)
    found = findings(wanted, granted, registry.administrator_users)
    yield from judge.acls([*found, *without_acls(described(settings.connection), wanted)])


def _with_own(known: Registry, settings: Settings) -> Registry:
    """With the topics that services have to themselves by the signers file."""
    named = read_own_topics(Path(settings.signers)) if settings.signers else ()
    return msgspec.structs.replace(known, topics=tuple(dict.fromkeys((*known.topics, *named))))


def _with_services(known: Registry, granted: Iterable[Granted]) -> Registry:
    """A service whose principal is called as it is by default need not be named."""
    before = USER + SERVICE
    found = {acl.user.removeprefix(before) for acl in granted if acl.user.startswith(before)}
    if known.user != "{}":
        return known
    return msgspec.structs.replace(known, services=tuple(sorted({*known.services, *found})))
