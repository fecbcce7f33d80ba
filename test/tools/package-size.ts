/** What files weigh on their way to a browser, and where that comes from. */
import { readFile } from "node:fs/promises";
import { SourceMap } from "node:module";
import type { SourceMapPayload, SourceMapping } from "node:module";
import { dirname, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";
import { projectRoot } from "./project-root.ts";

export interface FileSize {
  readonly bytes: number;
  /** As servers send what does not change. */
  readonly brotli: number;
}

export async function fileSize(path: string): Promise<FileSize> {
  const bytes = await readFile(path);
  const { BROTLI_PARAM_QUALITY, BROTLI_MAX_QUALITY, BROTLI_PARAM_SIZE_HINT } = constants;
  const params = { [BROTLI_PARAM_QUALITY]: BROTLI_MAX_QUALITY, [BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return { bytes: bytes.length, brotli: (await promisify(brotliCompress)(bytes, { params })).length };
}

/** How many characters of a script come from which source of the project, by its source map. What is from none is under "". */
export async function charactersBySource(path: string): Promise<Map<string, number>> {
  const [code, map] = await Promise.all([readFile(path, "utf8"), readFile(`${path}.map`, "utf8")]);
  const sourceMap = new SourceMap(JSON.parse(map) as SourceMapPayload);
  const found = new Map<string, number>();
  const top = projectRoot();
  for (const [line, text] of code.split("\n").entries()) {
    for (let column = 0; column < text.length; column++) {
      const { originalSource } = sourceMap.findEntry(line, column) as Partial<SourceMapping>;
      const source =
        originalSource === undefined ? "" : relative(top, resolve(dirname(path), originalSource));
      found.set(source, (found.get(source) ?? 0) + 1);
    }
  }
  return found;
}

/** A file's compressed bytes, shared out among its sources' directories by their characters; the largest first. */
export async function brotliByDirectory(path: string): Promise<[directory: string, bytes: number][]> {
  const { bytes, brotli } = await fileSize(path);
  const byDirectory = new Map<string, number>();
  for (const [source, characters] of await charactersBySource(path)) {
    const directory = source.slice(0, Math.max(0, source.lastIndexOf("/")));
    byDirectory.set(directory, (byDirectory.get(directory) ?? 0) + (characters / bytes) * brotli);
  }
  return [...byDirectory].toSorted(([, one], [, other]) => other - one);
}
