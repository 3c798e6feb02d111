"""The worker's machinery: Kafka below, state on top of it, then partitions, and the worker that holds them."""
