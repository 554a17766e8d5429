"""`sidestep receive`: webhooks of providers, checked before they get into Kafka."""
