"""Kafka as a service sees it: the catalog of topics, publishing intents, reading verdicts, administration."""
