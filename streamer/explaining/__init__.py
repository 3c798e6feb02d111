"""Why something is on a user's list, or what is missing for it: from what is saved of the user, in words."""
