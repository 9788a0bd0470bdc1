"""Pseudonyms and their keys, personal data made coarse, and how few people share a description.

What comes out is pseudonymised, not anonymous: who has the secret and a person's id finds their
rows. ``docs/concepts/privacy.md`` says what is promised.
"""
