"""docs/reference/errors.md from tallybrook.errors."""

import importlib
import pkgutil

import tallybrook
from tallybrook.errors import RetryableError, TallybrookError
from tools.pages.markdown import code, first_paragraph, table

INTRO = """# Errors

Over HTTP an error is a problem document (RFC 9457, `application/problem+json`):

```json
{"type": "/docs/errors#invalid", "title": "Invalid fields", "status": 422, "detail": "…",
 "errors": [{"pointer": "/timestamp", "detail": "…"}]}
```

`type` is an address on the server: its page of errors, at the name below. `errors` is there when
fields are at fault; each `pointer` is a JSON pointer (RFC 6901) into the body. An error that can be
tried again has a `Retry-After` header and stored nothing.

On the command line an error is one line on standard error; the exit code is 2 when the command
line cannot be followed and 1 for everything else.

"""


def every_error() -> list[type[TallybrookError]]:
    """The errors that have a name of their own, wherever they are defined."""
    for module in pkgutil.walk_packages(tallybrook.__path__, "tallybrook."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    waiting: list[type[TallybrookError]] = [TallybrookError]
    for error in waiting:
        waiting += error.__subclasses__()
    return [error for error in waiting if "slug" in vars(error)]


def row(error: type[TallybrookError]) -> tuple[object, ...]:
    again = "yes" if issubclass(error, RetryableError) else "no"
    meaning = "A fault of the product itself." if error is TallybrookError else error.__doc__
    return code(error.slug), error.status, again, error.title, first_paragraph(meaning)


def page() -> str:
    rows = sorted((row(error) for error in every_error()), key=lambda r: (str(r[1]), str(r[0])))
    return INTRO + table(["name", "status", "try again", "title", "meaning"], rows)
