"""What carries the stages: batches, transactions, the ledger, the embedded broker. Knows nothing about email.

transport.py   Faust's consumer, changed to hand an agent all records of one partition as one event
reader.py      fetches with librdkafka what Faust was assigned
batches.py     which batch is under way, what waits, which offset may be committed
publisher.py   at-least-once output with every delivery checked
ledger.py      exactly-once output and state: one Kafka transaction, then one RocksDB WriteBatch
tables.py      named, typed rows of the ledger
recovery.py    the changelog back into RocksDB
"""
