// Microsoft's Graph SDK for JavaScript, led to API as its base address.

const fs = require("node:fs");
const path = require("node:path");
const { Readable } = require("node:stream");
const { pipeline } = require("node:stream/promises");
const {
  Client,
  FileUpload,
  OneDriveLargeFileUploadTask,
  PageIterator,
} = require("@microsoft/microsoft-graph-client");

// Bytes of a fragment; the SDK makes it a multiple of 320 KiB.
const FRAGMENT = 1024 * 1024;

const graph = Client.init({
  baseUrl: process.env.API,
  customHosts: new Set([new URL(process.env.API).hostname]),
  authProvider: (done) => done(null, process.env.ACCESS_TOKEN),
});
const at = (...names) => `/me/drive/root:/${encodeURI(names.join("/"))}:`;

async function list(folder) {
  const names = [];
  const page = await graph.api(`${at(folder)}/children`).top(5).get();
  const all = new PageIterator(graph, page, (item) => names.push(item.name));
  await all.iterate();
  return names;
}

async function download(folder, here) {
  for (const name of await list(folder)) {
    const stream = await graph.api(`${at(folder, name)}/content`).getStream();
    const body = stream instanceof ReadableStream ? Readable.fromWeb(stream) : stream;
    await pipeline(body, fs.createWriteStream(path.join(here, name)));
  }
}

async function upload(here, folder) {
  for (const name of fs.readdirSync(here).sort()) {
    const bytes = fs.readFileSync(path.join(here, name));
    const end = bytes.byteOffset + bytes.length;
    const file = new FileUpload(bytes.buffer.slice(bytes.byteOffset, end), name, bytes.length);
    const options = { path: folder, fileName: name, rangeSize: FRAGMENT };
    const task = await OneDriveLargeFileUploadTask.createTaskWithFileObject(graph, file, options);
    await task.upload();
  }
}

const [verb, ...words] = process.argv.slice(2);
({ list, download, upload })
  [verb](...words)
  .then((names) => names?.forEach((name) => console.log(name)))
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
