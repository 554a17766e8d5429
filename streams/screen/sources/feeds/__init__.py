"""Feeds: lists of domains, addresses or hashes from files and HTTPS addresses, refreshed on a schedule."""

from sidestep.streams.screen.sources.feeds.book import FeedBook
from sidestep.streams.screen.sources.feeds.feeds import Feeds
from sidestep.streams.screen.sources.feeds.refresh import FeedStatus, Refresh, RefreshProgress

__all__ = ["FeedBook", "FeedStatus", "Feeds", "Refresh", "RefreshProgress"]
