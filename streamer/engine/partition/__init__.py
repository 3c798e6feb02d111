"""One partition of the job: from records received to documents and what to save."""
