"""A Connection in the words of Faust and of aiokafka, which services need not have."""

from typing import Any

from aiokafka.abc import AbstractTokenProvider
from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials

from sidestep.topics.connection import Connection
from sidestep.topics.oauth import Tokens

AbstractTokenProvider.register(Tokens)  # it has the methods, and aiokafka asks for the name


def aiokafka_settings(connection: Connection) -> dict[str, Any]:
    """Keyword arguments of AIOKafkaClient and its like. Raises CredentialsError."""
    return connection.aiokafka()


def faust_settings(connection: Connection) -> dict[str, Any]:
    """Keyword arguments of faust.App: the brokers' URLs and broker_credentials. Raises CredentialsError."""
    broker = [f"kafka://{server}" for server in connection.servers]
    given = aiokafka_settings(connection)
    protocol, mechanism = given.get("security_protocol"), given.get("sasl_mechanism")
    if protocol is None:
        return {"broker": broker}
    tls = given["ssl_context"]
    if mechanism is None:
        return {"broker": broker, "broker_credentials": SSLCredentials(tls)}
    if mechanism == "OAUTHBEARER":
        tokens = given["sasl_oauth_token_provider"]
        return {"broker": broker, "broker_credentials": OAuthCredentials(oauth_cb=tokens, ssl_context=tls)}
    user, password = given["sasl_plain_username"], given["sasl_plain_password"]
    credentials = SASLCredentials(username=user, password=password, ssl_context=tls, mechanism=mechanism)
    return {"broker": broker, "broker_credentials": credentials}


def renew_client(client: Any, connection: Connection) -> None:
    """An AIOKafkaClient makes its next connection with what Kafka has accepted; those that it has go on."""
    given = aiokafka_settings(connection)
    for name in ("ssl_context", "sasl_plain_username", "sasl_plain_password"):
        if name in given:
            setattr(client, f"_{name}", given[name])
