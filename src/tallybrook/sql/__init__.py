"""SQL over the lake: guard, translation, price and execution of one statement."""
