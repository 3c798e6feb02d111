"""What a skip, a short look and a leaving say of what comes later, on real impressions (``python -m lab skips``)."""
