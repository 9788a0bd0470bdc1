"""Assessments: inventories as data, scores with their validity, and how far two raters agree."""
