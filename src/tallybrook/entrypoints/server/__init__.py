"""The HTTP server: routes, the live view, the page."""
