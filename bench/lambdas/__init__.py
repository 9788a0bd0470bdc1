"""Each function under the real runtime client, with its real bundle, against emulated services."""
