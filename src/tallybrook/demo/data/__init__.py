"""Packaged data; where it comes from and under which licences is in ``NOTICE.md``."""
