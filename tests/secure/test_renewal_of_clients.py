"""Clients that live long go on with renewed certificates and secrets, without losing or repeating a record."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from sidestep.schemas import EmailIntent
from sidestep.streams.local.development_ca import DevelopmentCA
from sidestep.streams.local.secure_kafka import SecureKafka
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.outgoing import Outgoing
from sidestep.streams.runtime.publisher import Publisher as Sending
from sidestep.streams.runtime.reader import Reader
from sidestep.topics import Publisher, Subscription, renewing
from sidestep.topics.access import Access
from sidestep.topics.catalog import INTENTS
from sidestep.topics.connection import Connection
from sidestep.topics.security import LOOK_SECONDS
from tests.fixture_types import WaitUntil
from tests.secure.conftest import Secret
