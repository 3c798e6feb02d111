"""What one event, or one interaction, means. Pure: no clock, no I/O, no state."""
