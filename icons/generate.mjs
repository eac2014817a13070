/**
 * Writes every raster icon from the SVG sources beside this file. Run with `npm run icons` in `ui`.
 *
 * ICO and ICNS are containers around PNG files and are written here byte by byte.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, 'generated');
// The renderer is a development dependency of the user interface.
const { Resvg } = createRequire(join(here, '../ui/package.json'))('@resvg/resvg-js');

const trayStates = ['idle', 'running', 'paused', 'warning', 'error'];
const icoSizes = [16, 24, 32, 48, 64, 256];
/** ICNS entry types that hold PNG, and their sizes in pixels. */
const icnsTypes = { icp4: 16, icp5: 32, icp6: 64, ic07: 128, ic08: 256, ic09: 512, ic10: 1024 };

mkdirSync(target, { recursive: true });
write('32x32.png', png('coffer', 32));
write('64x64.png', png('coffer', 64));
write('128x128.png', png('coffer', 128));
write('128x128@2x.png', png('coffer', 256));
write('icon.png', png('coffer', 512));
write('icon.ico', ico(icoSizes));
write('icon.icns', icns(icnsTypes));
trayStates.forEach((state) => write(`tray-${state}.png`, png(`tray-${state}`, 64)));

function write(name, bytes) {
  writeFileSync(join(target, name), bytes);
}

/** Renders an SVG source as a square RGBA PNG. */
function png(source, size) {
  const svg = readFileSync(join(here, `${source}.svg`));
  return new Resvg(svg, { fitTo: { mode: 'width', value: size } }).render().asPng();
}

/** Header of 6 bytes, one directory entry of 16 bytes per image, then the PNG files. */
function ico(sizes) {
  const images = sizes.map((size) => png('coffer', size));
  const header = Buffer.alloc(6 + 16 * sizes.length);
  header.writeUInt16LE(1, 2);
  header.writeUInt16LE(sizes.length, 4);
  let offset = header.length;
  images.forEach((image, index) => {
    const entry = 6 + 16 * index;
    // 256 does not fit into the byte and is written as 0.
    header.writeUInt8(sizes[index] % 256, entry);
    header.writeUInt8(sizes[index] % 256, entry + 1);
    header.writeUInt16LE(1, entry + 4);
    header.writeUInt16LE(32, entry + 6);
    header.writeUInt32LE(image.length, entry + 8);
    header.writeUInt32LE(offset, entry + 12);
    offset += image.length;
  });
  return Buffer.concat([header, ...images]);
}

/** `icns`, the length of all, then per image its type, its length with this header, and the PNG file. */
function icns(types) {
  const entries = Object.entries(types).map(([type, size]) => icnsChunk(type, png('coffer', size)));
  return icnsChunk('icns', Buffer.concat(entries));
}

function icnsChunk(type, content) {
  const header = Buffer.alloc(8);
  header.write(type, 0, 'ascii');
  header.writeUInt32BE(content.length + 8, 4);
  return Buffer.concat([header, content]);
}
