"""Training examples as files: the topic ``labels``, exported to Parquet without repeats and erased users."""
