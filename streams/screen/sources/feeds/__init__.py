"""Feeds: lists of domains, addresses or hashes from files and HTTPS addresses, refreshed on a schedule."""

from sidestep.streams.screen.sources.feeds.book import FeedBook
from sidestep.streams.screen.sources.feeds.feeds import Feeds
from sidestep.streams.screen.sources.feeds.outcome import FeedStatus, Outcome, Progress

__all__ = ["FeedBook", "FeedStatus", "Feeds", "Outcome", "Progress"]
