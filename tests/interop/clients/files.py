"""What the Python clients of files share: how they are called."""

import sys


def run(client):
    """Calls the method of `client` that the command line names, with the other words."""
    result = getattr(client, sys.argv[1])(*sys.argv[2:])
    for name in result or ():
        print(name)
