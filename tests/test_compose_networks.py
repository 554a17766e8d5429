"""Who reaches whom in docker-compose.yml: networks, and Kafka's listeners in them."""

from itertools import combinations

import pytest

from tests.compose_file import NETWORKS, SERVICES, WORKERS, aliases, environment, kafka_properties, listeners, networks


def may_meet(one: str, other: str) -> set[str]:
    """Networks in which the two see each other."""
    shared = networks(one).keys() & networks(other).keys()
    return {name for name in shared if not _keeps_apart(name)}


def _option(network: str, name: str) -> str | None:
    options: dict[str, str] = (NETWORKS[network] or {}).get("driver_opts", {})
    return options.get(f"com.docker.network.bridge.{name}")


def _keeps_apart(network: str) -> bool:
    return _option(network, "enable_icc") == "false"


CORE = {frozenset(pair) for pair in combinations(["kafka", "topics", "acls", "operator", *WORKERS], 2)}
SCRAPE = {frozenset(pair) for pair in combinations(["prometheus", *WORKERS], 2)}
PRODUCERS = {frozenset(pair) for pair in combinations(["kafka", "tokens", "example"], 2)}
READERS = {frozenset(("kafka", "kafka-browser"))}
INNER = {"core", "producers", "readers", "receivers", "scrape", "door-scrape"}
RECEIVERS = {frozenset(("kafka", "receive")), frozenset(("prometheus", "receive"))}
DASHBOARDS = {frozenset(("grafana", "prometheus"))}


def test_who_meets_whom() -> None:
    """All pairs of services that share a network, and those alone. What is not here can't exchange an octet."""
    met = {frozenset(pair) for pair in combinations(SERVICES, 2) if may_meet(*pair)}
    assert CORE | SCRAPE | PRODUCERS | READERS | RECEIVERS | DASHBOARDS == met


def test_a_producer_meets_kafka_and_the_provider_of_tokens() -> None:
    """And nobody else: no worker, no set-up, no page; and nothing of the internet."""
    assert {"producers"} == set(networks("example"))
    assert NETWORKS["producers"]["internal"] is True


@pytest.mark.parametrize("service", ["prometheus", "grafana", "validate"])
def test_who_watches_and_who_answers_forms_does_not_meet_kafka(service: str) -> None:
    """Whoever takes one of them over is still in front of Kafka's door."""
    assert not may_meet(service, "kafka")
    assert not may_meet("validate", "prometheus")


def test_inner_networks_have_no_way_out() -> None:
    """Names are looked up by Screen and by validate; nobody else gets to the internet, and they do not meet there."""
    assert INNER == {n for n, what in NETWORKS.items() if what.get("internal")}
    ways_out = {name for name, what in NETWORKS.items() if not what.get("internal") and not _stays_here(name)}
    assert {"outside"} == ways_out
    assert _keeps_apart("outside")
    assert {"screen", "screen-2", "validate"} == {name for name in SERVICES if "outside" in networks(name)}


def _stays_here(network: str) -> bool:
    return _option(network, "enable_ip_masquerade") == "false"


def test_every_network_is_used_and_declared() -> None:
    """No service in a network that is not there, no network without a service."""
    assert set(NETWORKS) == set().union(*(networks(name) for name in SERVICES))


def test_each_of_kafkas_listeners_is_bound_to_one_network() -> None:
    """To an alias that Kafka has in that network alone: in the other networks nothing listens at that port."""
    bound = {name: host for name, (host, _) in listeners().items() if host != "localhost"}
    named = {name.upper(): name for name in ("core", "producers", "readers", "receivers", "development")}
    assert set(named) == set(bound)
    assert set(networks("kafka")) == set(named.values())
    for listener, network in named.items():
        others = set().union(*(aliases("kafka", name) for name in networks("kafka") if name != network))
        assert bound[listener] not in others
        # the service's own name is an alias in all networks: it may be used for none that is closer to the core
        assert bound[listener] in aliases("kafka", network)
    assert "kafka" not in bound.values()
    assert len({port for _, port in listeners().values()}) == len(listeners())


def test_the_receiver_meets_kafka_and_whoever_watches_it() -> None:
    """No worker, no service, nothing of the internet; Kafka's core listener does not listen where it is."""
    assert {"receivers", "doors", "door-scrape"} == set(networks("receive"))
    assert {"kafka", "prometheus"} == {name for name in SERVICES if name != "receive" and may_meet(name, "receive")}


@pytest.mark.parametrize("service", ["topics", "acls", "operator", "example", "receive", *WORKERS])
def test_clients_ask_at_the_listener_of_their_network(service: str) -> None:
    """The address given to ours is the one that Kafka advertises in that network."""
    network = {"example": "producers", "receive": "receivers"}.get(service, "core")
    advertised = kafka_properties()["advertised.listeners"]
    assert f"{network.upper()}://{environment(service)['SIDESTEP_BROKER']}" in advertised
