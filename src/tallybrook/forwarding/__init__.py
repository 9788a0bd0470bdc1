"""Events on their way out: in Amazon Pinpoint's format, to a file, an address or a stream."""
