"""What is remembered of a partition's users, saved in Kafka and recovered from there."""
