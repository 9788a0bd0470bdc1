from echo import handler  # noqa: F401
