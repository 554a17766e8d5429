"""Who may reach whom, as NetworkPolicies say (networking.k8s.io/v1). Pure.

A connection is let through where its source may send and its target may receive; a pod that no policy selects for a
direction is free in it. What a policy holds that is not understood here is an error, not a guess.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any, Literal

Direction = Literal["Ingress", "Egress"]
Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class Pod:
    """A pod, by what policies know of it."""

    name: str
    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Host:
    """Something outside of the cluster, or a node's address."""

    name: str
    address: str


Party = Pod | Host


@dataclass(frozen=True)
class Way:
    """A port that somebody listens on."""

    port: int
    protocol: str = "TCP"

    def __str__(self) -> str:
        return f"{self.port}/{self.protocol.lower()}"


def reaches(policies: Iterable[Manifest], source: Party, target: Party, way: Way) -> bool:
    """Does a connection from `source` get to `target`?"""
    policies = list(policies)
    return _allowed(policies, "Egress", source, target, way) and _allowed(policies, "Ingress", target, source, way)


def _allowed(policies: list[Manifest], direction: Direction, pod: Party, other: Party, way: Way) -> bool:
    if isinstance(pod, Host):
        return True
    ours = [each for each in policies if _selects(each, direction, pod)]
    return not ours or any(
        _admits(rule, direction, each["metadata"]["namespace"], other, way)
        for each in ours
        for rule in each["spec"].get(direction.lower(), [])
    )


def _selects(policy: Manifest, direction: Direction, pod: Pod) -> bool:
    spec = policy["spec"]
    return (
        direction in spec["policyTypes"]
        and policy["metadata"]["namespace"] == pod.namespace
        and matches(spec["podSelector"], pod.labels)
    )


def _admits(rule: Mapping[str, Any], direction: Direction, namespace: str, other: Party, way: Way) -> bool:
    peers = rule.get("to" if direction == "Egress" else "from")
    ports = rule.get("ports")
    # what is missing or empty admits everything
    at_port = not ports or way in map(_way, ports)
    return at_port and (not peers or any(_is(peer, namespace, other) for peer in peers))


def _way(port: Mapping[str, Any]) -> Way:
    if not isinstance(port.get("port"), int) or "endPort" in port:
        raise ValueError(f"{port} is not understood: one number is")
    return Way(port["port"], port.get("protocol", "TCP"))


def ways_of(policies: Iterable[Manifest]) -> set[Way]:
    """Every port that policies name, in either direction."""
    rules = [rule for each in policies for way in ("ingress", "egress") for rule in each["spec"].get(way, [])]
    return {_way(port) for rule in rules for port in rule.get("ports", [])}


def _is(peer: Mapping[str, Any], namespace: str, other: Party) -> bool:
    if unknown := set(peer) - {"namespaceSelector", "podSelector", "ipBlock"}:
        raise ValueError(f"a peer with {unknown} is not understood")
    if "ipBlock" in peer:
        return isinstance(other, Host) and _in_block(peer["ipBlock"], other)
    if isinstance(other, Host):
        return False
    if "namespaceSelector" in peer:
        in_namespace = matches(peer["namespaceSelector"], {"kubernetes.io/metadata.name": other.namespace})
    else:
        in_namespace = other.namespace == namespace
    return in_namespace and matches(peer.get("podSelector", {}), other.labels)


def _in_block(block: Mapping[str, Any], host: Host) -> bool:
    address = ip_address(host.address)
    inside = [ip_network(each) for each in block.get("except", [])]
    return address in ip_network(block["cidr"]) and not any(address in each for each in inside)


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Does a label selector select these labels? An empty one selects everything."""
    if unknown := set(selector) - {"matchLabels", "matchExpressions"}:
        raise ValueError(f"a selector with {unknown} is not understood")
    wanted: Mapping[str, str] = selector.get("matchLabels", {})
    return all(labels.get(name) == value for name, value in wanted.items()) and all(
        _fits(each, labels) for each in selector.get("matchExpressions", [])
    )


def _fits(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    if expression["operator"] != "In":
        raise ValueError(f"the operator {expression['operator']} is not understood")
    return labels.get(expression["key"]) in expression["values"]
