"""Rights and quotas in Kafka beyond what each principal's are (topics/acls.py): as other tools want them written, and
compared with a cluster, and given to it."""
