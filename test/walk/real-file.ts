/** A real file of this machine, as lines: nobody has made it up for the test. */
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const LINES_MIN = 5_000;
/** The walk should take seconds: of a very long file its first lines are enough. */
const LINES_MAX = 20_000;
const BYTES_MAX = 64 << 20;

const APT_LISTS = "/var/lib/apt/lists";

/** Package managers' logs and lists first, then whatever texts many machines have. */
const CANDIDATES = [
  "/var/log/dpkg.log",
  "/var/lib/dpkg/status",
  "/var/log/pacman.log",
  "/lib/apk/db/installed",
  ...(existsSync(APT_LISTS) ? readdirSync(APT_LISTS).sort() : [])
    .filter((name) => name.endsWith("_Packages"))
    .map((name) => join(APT_LISTS, name)),
  "/var/log/install.log",
  "/usr/share/dict/words",
  "/usr/share/misc/pci.ids",
];

export interface RealFile {
  readonly path: string;
  /** Its lines without the empty ones, which kcat drops, and without line ends. */
  readonly lines: readonly Buffer[];
}

/** The first candidate of at least 5,000 lines that are not empty. */
export function findRealFile(): RealFile {
  for (const path of CANDIDATES) {
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (size === 0 || size > BYTES_MAX) continue;
    const lines = linesOf(readFileSync(path)).slice(0, LINES_MAX);
    if (lines.length >= LINES_MIN) return { path, lines };
  }
  throw new Error(`none of these has ${LINES_MIN} lines: ${CANDIDATES.join(", ")}`);
}

function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let from = 0;
  while (from < bytes.length) {
    const end = bytes.indexOf(0x0a, from);
    const to = end === -1 ? bytes.length : end;
    if (to > from) lines.push(bytes.subarray(from, to));
    from = to + 1;
  }
  return lines;
}
