"""One user and the crowd: what seals change in the sums over all users, and the priors that come back."""
