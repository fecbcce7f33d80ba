/**
 * Builds Confluent's binding for Node, and the librdkafka that it carries, from the sources in its npm package: its
 * binaries are not on npm. Without optimization, since nothing is measured with it: about 45 s of one processor.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../tools/run-process.ts";

const here = fileURLToPath(new URL("./node", import.meta.url));
export const confluentDirectory: string = join(here, "node_modules", "@confluentinc", "kafka-javascript");
const librdkafka = join(confluentDirectory, "deps", "librdkafka");

const INSTALL_MS = 600_000;
const UNUSED_PARTS = ["--disable-ssl", "--disable-gssapi", "--disable-curl", "--disable-syslog"];

/** Installs and builds what is missing; resolves to the package's version. */
export async function installConfluent(): Promise<string> {
  await installPackages();
  const packageFile = readFileSync(join(confluentDirectory, "package.json"), "utf8");
  const { version } = JSON.parse(packageFile) as { version: string };
  const mark = join(confluentDirectory, "build", "made-for");
  const madeFor = `${version} for Node's modules ${process.versions.modules}`;
  if (!existsSync(mark) || readFileSync(mark, "utf8") !== madeFor) {
    await buildLibrdkafka();
    await buildBinding();
    mkdirSync(dirname(mark), { recursive: true });
    writeFileSync(mark, madeFor);
  }
  return version;
}

async function installPackages(): Promise<void> {
  // Not by its time, which every checkout changes: the build that is lost with an installation takes long.
  const mark = join(here, "node_modules", "installed-from.json");
  const lockfile = join(here, "package-lock.json");
  if (existsSync(mark) && readFileSync(mark, "utf8") === readFileSync(lockfile, "utf8")) return;
  await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: here,
    timeoutMs: INSTALL_MS,
  });
  copyFileSync(lockfile, mark);
}

async function buildLibrdkafka(): Promise<void> {
  const options = ["--disable-optimization", "--disable-debug-symbols", "--enable-zlib", "--enable-zstd"];
  await run("./configure", [...options, ...UNUSED_PARTS], { cwd: librdkafka, timeoutMs: INSTALL_MS });
  const jobs = `-j${availableParallelism()}`;
  await run("make", [jobs, "-C", "src", "librdkafka.a"], { cwd: librdkafka, timeoutMs: INSTALL_MS });
  await run("make", [jobs, "-C", "src-cpp", "librdkafka++.a"], { cwd: librdkafka, timeoutMs: INSTALL_MS });
}

async function buildBinding(): Promise<void> {
  const nodeGyp = createRequire(join(here, "package.json")).resolve("node-gyp/bin/node-gyp.js");
  const [sources, cppSources] = [join(librdkafka, "src"), join(librdkafka, "src-cpp")];
  const args = ["rebuild", "--jobs", `${availableParallelism()}`, ...nodeHeaders()];
  const env = {
    BUILD_LIBRDKAFKA: "0",
    CXXFLAGS: `-O0 -w -I${sources} -I${cppSources}`,
    LDFLAGS: `-L${sources} -L${cppSources} -Wl,--no-as-needed -lz -lzstd`,
  };
  await run(process.execPath, [nodeGyp, ...args], { cwd: confluentDirectory, env, timeoutMs: INSTALL_MS });
}

/** The headers that came with this Node; where they did not, node-gyp downloads them. */
function nodeHeaders(): string[] {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, "include", "node", "node.h")) ? ["--nodedir", prefix] : [];
}
