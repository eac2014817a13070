"""The person at the browser: chooses Robin's account and agrees."""

import sys

import requests


def agree(url):
    """Opens a sign-in page and returns the address that the browser is sent back to."""
    answer = requests.get(f"{url}&sim_auto=robin", allow_redirects=False, timeout=30)
    answer.raise_for_status()
    return answer.headers["Location"]


def type_code(page, code):
    """Enters a device code on the page for it."""
    form = {"user_code": code, "account": "robin"}
    requests.post(page, data=form, timeout=30).raise_for_status()


if __name__ == "__main__":
    # A program opened a page; the simulator agrees in Robin's name, and redirects lead back to the program.
    requests.get(sys.argv[1], timeout=30).raise_for_status()
