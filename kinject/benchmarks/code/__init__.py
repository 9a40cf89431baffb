"""Code that a model wrote: found in its response, run in a sandbox, and compared outside it."""
