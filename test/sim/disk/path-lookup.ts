/** Finds what has a path, and says what is wrong with one in the system's codes. */
import type { Node, SimDirectory } from "./sim-directory.ts";

/** Where a path leads: the directory that its last name is in, and what has that name. */
export interface Place {
  readonly directory: SimDirectory;
  readonly name: string;
  readonly node: Node | undefined;
}

/** Throws ENOENT or ENOTDIR when the way there does not exist. */
export function lookUp(root: SimDirectory, path: string): Place {
  const names = path.split("/").filter((step) => step !== "");
  const name = names.pop();
  if (name === undefined || !path.startsWith("/")) throw errno("EINVAL", path);
  let directory = root;
  for (const step of names) {
    const next = directory.entries.get(step);
    if (next === undefined) throw errno("ENOENT", path);
    if (next.kind !== "directory") throw errno("ENOTDIR", path);
    directory = next;
  }
  return { directory, name, node: directory.entries.get(name) };
}

/** The same for what must be there. */
export function found(root: SimDirectory, path: string): Place & { readonly node: Node } {
  const place = lookUp(root, path);
  if (place.node === undefined) throw errno("ENOENT", path);
  return { ...place, node: place.node };
}

/** An error as Node gives it. */
export function errno(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

export function isErrno(error: unknown): boolean {
  return error instanceof Error && "code" in error;
}
