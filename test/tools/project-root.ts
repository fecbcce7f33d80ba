/** Where the project is, for code that runs from its source as well as from a bundle below `build/`. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The directory above this code that holds the workspace. */
export function projectRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, "package-lock.json"))) {
    const above = dirname(directory);
    if (above === directory) throw new Error(`no project around ${fileURLToPath(import.meta.url)}`);
    directory = above;
  }
  return directory;
}
