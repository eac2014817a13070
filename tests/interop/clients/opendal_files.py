"""Apache OpenDAL, with the addresses that are built into it; it renews its token itself."""

import os
import pathlib

import opendal

import files


class Client:
    def __init__(self):
        self.drive = opendal.Operator(
            "onedrive",
            root="/",
            refresh_token=os.environ["REFRESH_TOKEN"],
            client_id="sim-client",
        )

    def list(self, folder):
        found = (entry.path for entry in self.drive.list(f"{folder}/"))
        return [path.rpartition("/")[2] for path in found if not path.endswith("/")]

    def download(self, folder, here):
        for name in self.list(folder):
            (pathlib.Path(here) / name).write_bytes(self.drive.read(f"{folder}/{name}"))

    def upload(self, here, folder):
        for path in sorted(pathlib.Path(here).iterdir()):
            self.drive.write(f"{folder}/{path.name}", path.read_bytes())

    def copy(self, source, target):
        self.drive.create_dir(f"{target}/")
        for name in self.list(source):
            self.drive.copy(f"{source}/{name}", f"{target}/{name}")


files.run(Client())
