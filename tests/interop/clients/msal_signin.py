"""msal for Python, with the address that is built into it."""

from urllib.parse import parse_qsl, urlsplit

import msal
import requests

import browser

SCOPES = ["Files.ReadWrite", "User.Read"]


def check(name, result):
    """A token that Graph takes for Robin's."""
    if "access_token" not in result:
        raise SystemExit(f"{name}: {result.get('error')}: {result.get('error_description')}")
    bearer = {"Authorization": f"Bearer {result['access_token']}"}
    me = requests.get("https://graph.microsoft.com/v1.0/me", headers=bearer, timeout=30)
    me.raise_for_status()
    if not me.json()["userPrincipalName"].startswith("robin"):
        raise SystemExit(f"{name}: {me.text}")
    print("passed", name, flush=True)
    return result["access_token"]


app = msal.PublicClientApplication("sim-client")

flow = app.initiate_auth_code_flow(SCOPES, redirect_uri="http://localhost")
back = browser.agree(flow["auth_uri"])
answer = dict(parse_qsl(urlsplit(back).query))
first = check("code", app.acquire_token_by_auth_code_flow(flow, answer))

(account,) = app.get_accounts()
renewed = app.acquire_token_silent_with_error(SCOPES, account, force_refresh=True)
if check("silent", renewed) == first:
    raise SystemExit("silent: it is the token from before")

flow = app.initiate_device_flow(SCOPES)
browser.type_code(flow["verification_uri"], flow["user_code"])
check("device", app.acquire_token_by_device_flow(flow))
