"""Rights and quotas as other tools want them: a table for people, Kafka's own commands, JSON. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from shlex import join
from typing import Any

from sidestep.streams.rights.registry import USER, Registry
from sidestep.streams.terminal import json_line
from sidestep.topics.acls import Operation, Pattern, Resource, Right
from sidestep.topics.quotas import quota_of

OPERATIONS: Mapping[str, str] = {
    "READ": "Read",
    "WRITE": "Write",
    "DESCRIBE": "Describe",
    "DESCRIBE_CONFIGS": "DescribeConfigs",
}
"""As Kafka's tools and Strimzi write them."""
WIDTH = 118

Bundle = tuple[Resource, Pattern, tuple[Operation, ...]]
Named = tuple[Resource, Pattern, str]


def by_name(rights: Iterable[Right]) -> dict[Named, tuple[Operation, ...]]:
    """The operations on each resource, in the order of the rights."""
    found: dict[Named, list[Operation]] = defaultdict(list)
    for right in rights:
        found[right.resource, right.pattern, right.name].append(right.operation)
    return {named: tuple(operations) for named, operations in found.items()}


def bundles(rights: Iterable[Right]) -> dict[Bundle, list[str]]:
    """Names of the resources with which the same may be done."""
    found: dict[Bundle, list[str]] = defaultdict(list)
    for (resource, pattern, name), operations in by_name(rights).items():
        found[resource, pattern, operations].append(name)
    return found


def table(principal: str, user: str, rights: Iterable[Right]) -> Iterator[str]:
    """Lines for people: who, under which name, with which limits; then what may be done with what."""
    alias = "" if user == principal else f"  (in Kafka: {user})"
    yield f"{principal}{alias}: {quota_line(principal)}"
    for (resource, pattern, operations), names in bundles(rights).items():
        shown = [name + ("*" if pattern == "prefixed" else "") for name in names] if resource != "cluster" else [""]
        head = f"  {resource:<17}{', '.join(operations):<31}"
        for line in _wrapped(shown, WIDTH - len(head)):
            yield f"{head}{line}".rstrip()
            head = " " * len(head)


def quota_line(principal: str) -> str:
    """The limits of a principal in words."""
    quota = quota_of(principal)
    if not quota:
        return "no limits"
    writes, reads = (quota[key] / 1_048_576 for key in ("producer_byte_rate", "consumer_byte_rate"))
    writing = f"writes {writes:g} MiB/s, " if writes >= 1 else ""
    return f"{writing}reads {reads:g} MiB/s, {quota['request_percentage']:g} % of a thread, on each broker"


def kafka_tools(registry: Registry, rights: Iterable[Right], server: str, config: str) -> Iterator[str]:
    """Commands of Kafka's own tools, one a line, for one principal.

    `config`: file with the administrator's settings.
    """
    rights = list(rights)
    reach = ["--bootstrap-server", server, "--command-config", config]
    principal = rights[0].principal
    user = registry.name(principal)
    for (resource, pattern, operations), names in bundles(rights).items():
        what = [] if resource == "cluster" else [part for name in names for part in (f"--{resource}", name)]
        prefixed = ["--resource-pattern-type", "prefixed"] if pattern == "prefixed" else []
        doing = [part for operation in operations for part in ("--operation", OPERATIONS[operation])]
        target = what or ["--cluster"]
        command = ["kafka-acls.sh", *reach, "--add", "--force", "--allow-principal", USER + user]
        yield join([*command, *doing, *target, *prefixed])
    if quota := quota_of(principal):
        limits = ",".join(f"{key}={limit:g}" if limit < 1000 else f"{key}={limit:.0f}" for key, limit in quota.items())
        who = ["--entity-type", "users", "--entity-name", user]
        yield join(["kafka-configs.sh", *reach, "--alter", *who, "--add-config", limits])


def as_json(principal: str, user: str, rights: Iterable[Right]) -> str:
    """One object: principal, user, quota, rights."""
    fields: dict[str, Any] = {"principal": principal, "user": user, "quota": quota_of(principal)}
    fields["rights"] = [{key: value for key, value in each._asdict().items() if key != "principal"} for each in rights]
    return json_line(fields)


def _wrapped(names: Iterable[str], width: int) -> Iterator[str]:
    line = ""
    for name in names:
        if line and len(line) + len(name) + 3 > width:
            yield line + ","
            line = ""
        line += f", {name}" if line else name
    yield line
