"""What every client of Kafka does before it can speak to one."""
