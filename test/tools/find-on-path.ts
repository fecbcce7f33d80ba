import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** First executable file with this name on PATH. */
export function findOnPath(name: string): string | undefined {
  const directories = (process.env.PATH ?? "").split(delimiter).filter((directory) => directory !== "");
  return directories.map((directory) => join(directory, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
