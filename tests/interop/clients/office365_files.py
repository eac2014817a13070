"""office365-rest-python-client, with the addresses that are built into it."""

import os
import pathlib

from office365.graph_client import GraphClient

import files

# Bytes of a fragment; several for each volume.
FRAGMENT = 4 * 320 * 1024


class Client:
    def __init__(self):
        token = {"token_type": "Bearer", "access_token": os.environ["ACCESS_TOKEN"]}
        self.root = GraphClient(lambda: token).me.drive.root

    def list(self, folder):
        return [item.name for item in self.items(folder)]

    def download(self, folder, here):
        for item in self.items(folder):
            with open(pathlib.Path(here) / item.name, "wb") as file:
                item.download_session(file).execute_query()

    def upload(self, here, folder):
        target = self.root.ensure_folder(folder).execute_query()
        for path in sorted(pathlib.Path(here).iterdir()):
            target.resumable_upload(str(path), FRAGMENT).execute_query()

    def items(self, folder):
        return self.root.get_by_path(folder).children.get_all().execute_query()


files.run(Client())
