"""History and public data sets sent to Kafka as events, shifted to end now or as they are."""
