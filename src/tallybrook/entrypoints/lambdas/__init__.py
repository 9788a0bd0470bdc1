"""AWS Lambda: one module a trigger, each with ``handler(event, context)``.

A handler decodes its trigger and calls the capability. Guarantees of all that take things in:

* **Acknowledged is durable.** A record is reported as done after it is in the log, or after it is
  kept as a failed record.
* **Delivered twice is stored once.** What names itself keeps its name; what does not is named
  after the place it was delivered from.
* **A bad record spoils only itself.** It is kept as a failed record and acknowledged. What the
  storage refuses is reported for redelivery, and only that.
"""
