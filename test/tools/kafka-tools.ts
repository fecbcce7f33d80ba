/** Kafka's own Java tools, taken from Maven Central once and kept under `build/`. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run, start, type Finished, type RunOptions, type Running } from "./run-process.ts";

const here = dirname(fileURLToPath(import.meta.url));
const pom = join(here, "kafka-tools", "pom.xml");
// Another pom, another directory: a new version never runs with old jars.
const pomDigest = createHash("sha256").update(readFileSync(pom)).digest("hex").slice(0, 12);
const cache = join(here, "..", "..", "build", "kafka-tools");
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

/** Starts a program of Kafka's, the broker included, by the name of its Java class. */
export async function startKafkaProgram(
  mainClass: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Running> {
  await fetchKafkaTools();
  return start("java", javaArguments(mainClass, args), options);
}

/** What `java` wants to run one of Kafka's tools, once they are fetched. */
export function javaArguments(mainClass: string, args: readonly string[]): string[] {
  // Short runs: a quick start is worth more than a compiler's last effort.
  const quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m"];
  const quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn";
  return [...quick, quiet, "-cp", join(jars, "*"), mainClass, ...args];
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
