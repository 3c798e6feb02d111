"""A generated city of users and their events: traffic for the demo, the tests and the benchmarks."""
