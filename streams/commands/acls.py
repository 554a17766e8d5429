"""sidestep acls: what each principal may do in Kafka, shown, given, and compared with a cluster."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sidestep.streams.commands.options import broker_option, own_given, own_option, refused_as
from sidestep.streams.errors import RightsError
from sidestep.streams.rights import forms, strimzi
from sidestep.streams.rights.registry import Registry, registry
from sidestep.streams.settings import Settings, load
from sidestep.streams.terminal import printable
from sidestep.topics.acls import rights_of
from sidestep.topics.own_topics import with_own

if TYPE_CHECKING:
    from sidestep.streams.rights.granted import RightsFinding

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
FORMATS = ("table", "kafka", "strimzi", "json")
AS_IT_SHOULD = "all principals have their rights, and no more"


def whose(function: F) -> F:
    """Adds --service, --principals and --own."""
    named = click.option(
        "--service",
        "services",
        multiple=True,
        metavar="NAME,…",
        help="Producing services, each with a principal service-NAME. May be given several times.",
    )
    file = click.option(
        "--principals",
        "file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="File (TOML): services = [...], what Kafka calls the principals; see docs/security.md.",
    )
    return named(file(own_option(function)))


@click.group()
def acls() -> None:
    """Show, apply and check what each principal may do in Kafka.

    Principals are screen, decide, watch, operator, mailer, dashboard, auditor, kafka-browser and service-NAME for each
    service. Their rights follow from the catalog of topics; SIDESTEP_GROUP counts.
    """


@acls.command()
@whose
@click.option("--principal", metavar="NAME", help="This one alone.  [default: all]")
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--server", metavar="HOST:PORT", help="kafka: bootstrap servers.  [default: SIDESTEP_BROKER]")
@click.option("--config", default="admin.properties", show_default=True, help="kafka: the administrator's settings.")
@click.option("--cluster", default="kafka", show_default=True, help="strimzi: name of the Kafka resource.")
@click.option(
    "--authentication", type=click.Choice(strimzi.AUTHENTICATIONS), default="tls", show_default=True, help="strimzi."
)
@click.option("--partitions", type=click.IntRange(1, 10_000), help="strimzi: of each topic, instead of the default.")
@click.option("--replication", type=click.IntRange(1, 9), default=3, show_default=True, help="strimzi: copies.")
def show(
    services: tuple[str, ...],
    file: Path | None,
    own: tuple[str, ...],
    principal: str | None,
    form: str,
    **options: Any,
) -> None:
    """Print rights and quotas. Asks no broker.

    \b
    table    for people
    kafka    commands of Kafka's own tools, one a line
    strimzi  KafkaUser and KafkaTopic resources (YAML)
    json     one JSON object a principal
    """
    settings = load()
    known = read_registry(services, file, own, settings)
    options["server"] = options["server"] or settings.broker
    wanted = (principal,) if principal else known.principals()
    if unknown := set(wanted) - set(known.principals()):
        names = ", ".join(known.principals())
        raise click.BadParameter(f"{printable(unknown.pop())} is none of {names}", param_hint="--principal")
    for line in _usage("--service", lambda: list(_shown(known, wanted, settings.group, form, options))):
        click.echo(printable(line))


def _shown(known: Registry, wanted: tuple[str, ...], group: str, form: str, options: dict[str, Any]) -> Iterator[str]:
    if form == "strimzi" and len(wanted) > 1:
        topics = with_own(known.topics)
        for lines in strimzi.kafka_topics(options["cluster"], options["partitions"], options["replication"], topics):
            yield from (*lines, "---")
    for number, principal in enumerate(wanted):
        rights = rights_of(principal, group, known.topics)
        if form == "kafka":
            yield from forms.kafka_tools(known, rights, options["server"], options["config"])
        elif form == "strimzi":
            yield from ["---"] * bool(number)
            yield from strimzi.kafka_user(principal, rights, options["cluster"], options["authentication"])
        elif form == "json":
            yield forms.as_json(principal, known.name(principal), rights)
        else:
            yield from [""] * bool(number)
            yield from forms.table(principal, known.name(principal), rights)


@acls.command()
@whose
@click.option("--prune", is_flag=True, help="Take away what these principals have beyond their rights.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--no-quotas", is_flag=True, help="Leave quotas as they are.")
@broker_option
def apply(
    services: tuple[str, ...],
    file: Path | None,
    own: tuple[str, ...],
    prune: bool,
    dry_run: bool,
    no_quotas: bool,
    broker: str | None,
) -> None:
    """Give each principal its rights and quotas. Connects as the settings say: as an administrator.

    ACLs of others are never touched; `sidestep acls check` tells of those that do harm.
    """
    from sidestep.streams.rights.changes import changes, other_limits
    from sidestep.streams.rights.client_quotas import read_quotas, set_quotas
    from sidestep.streams.rights.cluster_acls import ClusterAcls

    settings = load(broker=broker)
    known = read_registry(services, file, own, settings)
    wanted = _usage("SIDESTEP_GROUP", lambda: known.wanted(settings.group))
    cluster = ClusterAcls(settings.connection)
    limits = {} if no_quotas else other_limits(known, read_quotas(settings.connection))
    found = changes(wanted, cluster.read(), limits)
    if not dry_run:
        cluster.add(found.new)
        cluster.remove(found.surplus if prune else ())
        set_quotas(settings.connection, found.limits)
    lines = list(found.lines("to be " if dry_run else "", prune))
    click.echo("\n".join(map(printable, lines or [AS_IT_SHOULD])))


@acls.command()
@whose
@broker_option
def check(services: tuple[str, ...], file: Path | None, own: tuple[str, ...], broker: str | None) -> None:
    """Compare a cluster's ACLs with what each principal needs, and say who may do harm.

    Needs DESCRIBE and DESCRIBE_CONFIGS on the cluster, as the operator has them. Exit code 1 if there is a fault.
    """
    from sidestep.streams.rights.changes import other_limits
    from sidestep.streams.rights.client_quotas import read_quotas
    from sidestep.streams.rights.cluster_acls import ClusterAcls
    from sidestep.streams.rights.granted import findings
    from sidestep.streams.rights.no_acl import unknown_quotas, without_acls, without_quotas
    from sidestep.topics.described import described

    settings = load(broker=broker)
    known = read_registry(services, file, own, settings)
    wanted = _usage("SIDESTEP_GROUP", lambda: known.wanted(settings.group))
    found = findings(wanted, ClusterAcls(settings.connection).read(), known.administrator_users)
    found += without_acls(described(settings.connection, with_own(known.topics)), wanted)
    try:
        found += without_quotas(other_limits(known, read_quotas(settings.connection)))
    except RightsError as error:  # some providers have quotas of their own instead
        found.append(unknown_quotas(str(error)))
    for each in sorted(found, key=lambda each: each.weight != "fault"):
        click.echo(_as_block(each))
    if not found:
        click.echo(AS_IT_SHOULD)
    if any(each.weight == "fault" for each in found):
        raise SystemExit(1)


def read_registry(
    services: tuple[str, ...], file: Path | None, own: tuple[str, ...] = (), settings: Settings | None = None
) -> Registry:
    """What --service, --principals, --own and the signers file of the settings name. Raises click.BadParameter."""
    names = [name.strip() for text in services for name in text.split(",") if name.strip()]
    try:
        text = file.read_text("utf-8") if file else ""
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{file} can't be read: {error}", param_hint="--principals") from None
    topics = own_given(own, settings)
    return _usage("--principals" if file else "--service", lambda: registry(text, names, topics))


def _usage(hint: str, make: Callable[[], T]) -> T:
    with refused_as(hint):
        return make()


def _as_block(each: "RightsFinding") -> str:
    weight = click.style(f"{each.weight:<7}", fg="red" if each.weight == "fault" else "yellow", bold=True)
    lines = (f"{each.who}: {each.what}", each.means, each.do)
    return f"{weight} " + f"\n{' ' * 8}".join(map(printable, lines))
