/** Reads {@link storedFiles} the way the engine reads a version. */
import type { Entry } from '../../bindings/Entry';
import type { EntryPage } from '../../bindings/EntryPage';
import { hoursAgo, storedFiles } from './fixtures';

const roots = ['/home/alex/Documents/', '/home/alex/Pictures/'];

export function listFolder(folder: string, offset: number, limit: number): EntryPage {
  const entries = folder === '' ? roots.map(rootEntry) : children(folder);
  return { entries: entries.slice(offset, offset + limit), total: entries.length };
}

export function search(text: string, offset: number, limit: number): EntryPage {
  const wanted = text.toLowerCase();
  const found = storedFiles.filter((path) => path.toLowerCase().includes(wanted)).map(fileEntry);
  return { entries: found.slice(offset, offset + limit), total: found.length };
}

function children(folder: string): Entry[] {
  const folders = new Set<string>();
  const files: Entry[] = [];
  for (const path of storedFiles) {
    if (!path.startsWith(folder)) continue;
    const rest = path.slice(folder.length);
    const slash = rest.indexOf('/');
    if (slash === -1) files.push(fileEntry(path));
    else folders.add(rest.slice(0, slash));
  }
  return [...[...folders].sort().map((name) => folderEntry(name, `${folder}${name}/`)), ...files];
}

function rootEntry(path: string): Entry {
  return folderEntry(path.slice(0, -1), path);
}

function folderEntry(name: string, path: string): Entry {
  return { name, path, kind: 'folder', sizeBytes: 0, modified: null };
}

function fileEntry(path: string): Entry {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return {
    name,
    path,
    kind: 'file',
    sizeBytes: 12_000 + path.length * 48_611,
    modified: hoursAgo(path.length * 9),
  };
}
