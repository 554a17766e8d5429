"""What stands in for the world on one machine: a Kafka of its own, a name server, worker processes."""
