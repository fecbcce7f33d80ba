/** What a gateway takes of its machine: files on the disk, descriptors, memory. Told by the system, not by the gateway. */
import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import { parsePartitionDirectory } from "../../log/partition-files.ts";

export interface Figures {
  /** Bytes of all files, by topic; what belongs to none under "". */
  readonly disk: ReadonlyMap<string, number>;
  /** Where the system tells: descriptors of files, of files that are deleted, and of sockets. */
  readonly files: number;
  readonly deletedFiles: number;
  readonly sockets: number;
  readonly residentBytes: number;
  /** What lives on the heap, and outside of it; undefined before the process has said so. */
  readonly heapBytes: number | undefined;
  readonly bufferBytes: number | undefined;
  /** Timers, sockets and calls under way. */
  readonly handles: number | undefined;
}

export async function takeFigures(dataDir: string, pid: number, memoryReport: string): Promise<Figures> {
  const disk = await bytesByTopic(dataDir);
  const memory = await memoryOf(memoryReport);
  return { disk, ...(await descriptorsOf(pid)), residentBytes: await residentBytes(pid), ...memory };
}

export async function bytesByTopic(dataDir: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const topic = parsePartitionDirectory(entry.parentPath.slice(dataDir.length + 1))?.topic ?? "";
    // Files come and go meanwhile.
    const size = await stat(join(entry.parentPath, entry.name)).then(
      ({ size }) => size,
      () => 0,
    );
    found.set(topic, (found.get(topic) ?? 0) + size);
  }
  return found;
}

/** Which files a partition has, by what their names end with. */
export async function fileKinds(dataDir: string): Promise<Map<string, number>> {
  const kinds = new Map<string, number>();
  for (const name of await readdir(dataDir, { recursive: true })) {
    const kind = /[^/]\.(\w+(\.\w+)?)$/.exec(name)?.[1];
    if (kind !== undefined) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  return kinds;
}

async function descriptorsOf(pid: number): Promise<Pick<Figures, "files" | "deletedFiles" | "sockets">> {
  const directory = `/proc/${pid}/fd`;
  let [files, deletedFiles, sockets] = [0, 0, 0];
  for (const fd of await readdir(directory).catch(() => [])) {
    // One that was closed meanwhile is no longer open.
    const target = await readlink(join(directory, fd)).catch(() => "");
    if (target.startsWith("socket:")) sockets++;
    else if (target.startsWith("/")) {
      files++;
      if (target.endsWith(" (deleted)")) deletedFiles++;
    }
  }
  return { files, deletedFiles, sockets };
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

async function memoryOf(report: string): Promise<Pick<Figures, "heapBytes" | "bufferBytes" | "handles">> {
  const nothing = { heapBytes: undefined, bufferBytes: undefined, handles: undefined };
  const text = await readFile(report, "utf8").catch(() => undefined);
  if (text === undefined) return nothing;
  const { heapUsed, arrayBuffers, handles } = JSON.parse(text) as Record<string, number>;
  return { heapBytes: heapUsed, bufferBytes: arrayBuffers, handles };
}
