"""Entities: facts about people and things from the stream, rolling metrics of them, and alerts."""
