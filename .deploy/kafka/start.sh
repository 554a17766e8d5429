#!/usr/bin/env bash
# Starts Kafka. The first start gives the cluster an id of its own, which stays in the volume: Sidestep tells two clusters
# apart by it, and would take one made from the same file for the same cluster.
set -euo pipefail
kafka=${KAFKA_HOME:-/opt/kafka}
properties=${KAFKA_PROPERTIES:-/etc/sidestep/server.properties}
data=$(sed -n 's/^log\.dirs=//p' "$properties")

if [ ! -e "$data/meta.properties" ]; then
    "$kafka/bin/kafka-storage.sh" format --config "$properties" --cluster-id "$("$kafka/bin/kafka-storage.sh" random-uuid)"
fi
exec "$kafka/bin/kafka-server-start.sh" "$properties"
