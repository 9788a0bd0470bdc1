"""Live updates: what subscribers are told, whatever carries it to them."""
