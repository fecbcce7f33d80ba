/** Kafka's own Java tools, taken from Maven Central once and kept under `build/`. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { endingWithUs } from "./ending-with-us.ts";
import { projectRoot } from "./project-root.ts";
import { run, start, type Finished, type RunOptions, type Running } from "./run-process.ts";

const pom = join(projectRoot(), "test/tools/kafka-tools/pom.xml");
// Another pom, another directory: a new version never runs with old jars.
const pomDigest = createHash("sha256").update(readFileSync(pom)).digest("hex").slice(0, 12);
const cache = join(projectRoot(), "build/kafka-tools");
const jars = join(cache, pomDigest);

/** Whether the jars are there, so that Java alone is enough. */
export function kafkaToolsAreFetched(): boolean {
  return existsSync(jars);
}

/** Runs one of Kafka's tools by the name of its Java class, and resolves however it ends. */
export async function runKafkaTool(
  mainClass: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  return (await startKafkaProgram(mainClass, args, { timeoutMs: 120_000, ...options })).finished;
}

/** Flags of a virtual machine for short runs: a quick start is worth more than a compiler's last effort. */
const QUICK: readonly string[] = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m"];

/** How Kafka's own scripts start what is to run long and fast (`kafka-run-class.sh`), but for the heap. */
export const THOROUGH: readonly string[] = [
  "-server",
  "-XX:+UseG1GC",
  "-XX:MaxGCPauseMillis=20",
  "-XX:InitiatingHeapOccupancyPercent=35",
  "-XX:+ExplicitGCInvokesConcurrent",
  "-XX:MaxInlineLevel=15",
  "-Djava.awt.headless=true",
];

/** Starts a program of Kafka's, the broker included, by the name of its Java class, or one's own by its source file. */
export async function startKafkaProgram(
  mainClass: string,
  args: readonly string[],
  { flags, ...options }: RunOptions & { readonly flags?: readonly string[] } = {},
): Promise<Running> {
  await fetchKafkaTools();
  const java = endingWithUs("java", javaArguments(mainClass, args, flags));
  return start(java.command, java.args, options);
}

/** What `java` wants to run one of Kafka's tools, once they are fetched. */
export function javaArguments(mainClass: string, args: readonly string[], flags = QUICK): string[] {
  const quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn";
  return [...flags, quiet, "-cp", join(jars, "*"), mainClass, ...args];
}

/** The version of Kafka whose tools they are. */
export function kafkaToolsVersion(): string {
  return /<kafka\.version>(.+)<\/kafka\.version>/.exec(readFileSync(pom, "utf8"))?.[1] ?? "";
}

/** Fetches the jars when they are not there yet: some 50 MB. */
export async function fetchKafkaTools(): Promise<void> {
  if (kafkaToolsAreFetched()) return;
  await mkdir(cache, { recursive: true });
  const fetched = await mkdtemp(join(cache, "fetching-"));
  try {
    const goal = ["dependency:copy-dependencies", `-DoutputDirectory=${fetched}`];
    await run("mvn", ["-q", "-B", "-f", pom, ...goal], { timeoutMs: 300_000 });
    // The directory appears whole or not at all.
    await rename(fetched, jars);
  } catch (error) {
    await rm(fetched, { recursive: true, force: true });
    // Another process may have been faster.
    if (!kafkaToolsAreFetched()) throw error;
  }
}
