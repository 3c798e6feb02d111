"""Records in and out of Kafka, in batches: what Faust and aiokafka are made to do."""
