"""Accounts (tenants) and the scoped keys that open them."""
