"""Prints the plain HTTP address that the file of `secrets-agent-fakes serve --ready-file` names."""

import json
import sys


def addresses(value):
    """Every string in the document that is an http:// address, in the order in which they stand there."""
    if isinstance(value, str):
        if value.startswith("http://"):
            yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from addresses(member)
    elif isinstance(value, list):
        for element in value:
            yield from addresses(element)


with open(sys.argv[1], encoding="utf-8") as file:
    found = next(addresses(json.load(file)), None)
if found is None:
    raise SystemExit(f"{sys.argv[1]} names no http:// address")
print(found.rstrip("/"))
