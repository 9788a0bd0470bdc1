"""What running it costs, and how much is switched on at which revenue."""
