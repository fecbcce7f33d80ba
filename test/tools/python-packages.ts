/** Python's packages for the tests, kept below build/ and found by PYTHONPATH: no virtual environment is needed for that. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./run-process.ts";

const build = fileURLToPath(new URL("../../build", import.meta.url));
const INSTALL_MS = 150_000;

/** The environment in which Python finds what was installed under this name. */
export function pythonEnvironment(name: string): Record<string, string> {
  return { PYTHONPATH: join(build, name), PYTHONDONTWRITEBYTECODE: "1" };
}

/** Installs what `requirements.txt` in a directory pins into build/<name>, once for each change of it. */
export async function installPythonPackages(python: string, directory: string, name: string): Promise<void> {
  const requirements = join(directory, "requirements.txt");
  const packages = join(build, name);
  const mark = join(packages, "requirements.txt");
  if (existsSync(mark) && readFileSync(mark, "utf8") === readFileSync(requirements, "utf8")) return;
  rmSync(packages, { recursive: true, force: true });
  mkdirSync(packages, { recursive: true });
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", packages];
  await run(python, [...pip, "--requirement", requirements], { timeoutMs: INSTALL_MS });
  copyFileSync(requirements, mark);
}
