"""Commands that need the extra ``train``: examples as files, models, and how these answer."""
