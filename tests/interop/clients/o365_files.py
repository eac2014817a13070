"""O365, with the addresses that are built into it; it signs in through msal."""

import pathlib

from O365 import Account
from O365.utils.token import MemoryTokenBackend

import browser
import files

# Bytes of a fragment; several for each volume.
FRAGMENT = 4 * 320 * 1024
SCOPES = ["Files.ReadWrite.All", "User.Read"]


class Client:
    def __init__(self):
        account = Account(
            "sim-client", auth_flow_type="public", token_backend=MemoryTokenBackend()
        )
        url, flow = account.con.get_authorization_url(SCOPES, redirect_uri="http://localhost")
        if not account.con.request_token(browser.agree(url), flow=flow):
            raise SystemExit("the sign-in gave no token")
        self.drive = account.storage().get_default_drive()

    def list(self, folder):
        return [item.name for item in self.items(folder)]

    def download(self, folder, here):
        for item in self.items(folder):
            item.download(to_path=here)

    def upload(self, here, folder):
        target = self.drive.get_root_folder()
        for name in folder.split("/"):
            known = {child.name: child for child in target.get_child_folders()}
            target = known.get(name) or target.create_child_folder(name)
        for path in sorted(pathlib.Path(here).iterdir()):
            stored = target.upload_file(path, upload_in_chunks=True, chunk_size=FRAGMENT)
            if not stored:
                raise SystemExit(f"{path.name} was not stored")

    def copy(self, source, target):
        parent, _, name = target.rpartition("/")
        copied = self.drive.get_item_by_path(f"/{parent}").create_child_folder(name)
        for item in self.items(source):
            operation = item.copy(copied)
            for _ in operation.check_status(delay=0):
                pass

    def items(self, folder):
        return list(self.drive.get_item_by_path(f"/{folder}").get_items(batch=5))


files.run(Client())
