/**
 * Tests that need a foreign tool run where it is found and otherwise print why they did not. With
 * RIVULET_REQUIRE_TOOLS=1, which CI sets, a missing tool is a failure and never a skip.
 */
import { spawnSync } from "node:child_process";
import { describe, test } from "vitest";
import { browserKind, findTheBrowser } from "./browser.ts";
import { findOnPath } from "./find-on-path.ts";
import { kafkaToolsAreFetched } from "./kafka-tools.ts";
import { findWayToMount } from "./small-file-system.ts";

/** What a test may need, and what to say to someone who has not got it. */
const tools = {
  kcat: { find: () => findOnPath("kcat"), install: "apt-get install kcat, or brew install kcat" },
  // The test set-up looks for a browser, or installs one, and says where it is.
  chromium: {
    find: () => process.env.RIVULET_CHROMIUM || undefined,
    install: "apt-get install chromium, or set RIVULET_CHROMIUM",
  },
  // The one that this run's tests drive.
  browser: {
    find: () => findTheBrowser(),
    install: `install ${browserKind}, or set RIVULET_${browserKind.toUpperCase()}`,
  },
  "kafka-tools": {
    find: () => findOnPath("java") && (kafkaToolsAreFetched() ? "java" : findOnPath("mvn")),
    install: "apt-get install maven openjdk-17-jre-headless: Kafka's own tools come from Maven Central",
  },
  jdk: { find: () => findOnPath("javac"), install: "apt-get install openjdk-17-jdk-headless" },
  "python with pip": {
    find: () => findPythonWithPip(),
    install: "apt-get install python3 python3-pip",
  },
  "c++ compiler": {
    find: () => findCompiler(),
    install: "apt-get install g++ make libzstd-dev zlib1g-dev: a client is built from its sources",
  },
  setpriv: { find: () => findOnPath("setpriv"), install: "apt-get install util-linux, on Linux" },
  "small file system": {
    find: () => findWayToMount()?.join(" "),
    install: "run as root, or allow user namespaces: unshare -Urm mount -t tmpfs tmpfs /mnt",
  },
} as const;

export type Tool = keyof typeof tools;

/** Path of the program, or undefined when this machine has none. */
export function findTool(tool: Tool): string | undefined {
  return tools[tool].find();
}

/** `describe` for tests that need foreign tools. */
export function describeWith(needed: readonly Tool[], name: string, body: () => void): void {
  const missing = needed.filter((tool) => findTool(tool) === undefined);
  if (missing.length === 0) {
    describe(name, body);
    return;
  }
  const why = missing.map((tool) => `${tool} was not found (${tools[tool].install})`).join("; ");
  if (toolsAreRequired()) {
    test(`${name}: its tools are there`, () => {
      throw new Error(`RIVULET_REQUIRE_TOOLS is set and ${why}`);
    });
    return;
  }
  console.warn(`not run: ${name}: ${why}`);
  describe.skip(name, body);
}

/** Whether a missing tool is a failure. */
export function toolsAreRequired(): boolean {
  return process.env.RIVULET_REQUIRE_TOOLS === "1";
}

/** A python3 that can install packages into a directory. */
function findPythonWithPip(): string | undefined {
  const python = findOnPath("python3");
  const hasPip = python !== undefined && spawnSync(python, ["-m", "pip", "--version"]).status === 0;
  return hasPip ? python : undefined;
}

/** A C++ compiler that finds what librdkafka includes, with make beside it. */
function findCompiler(): string | undefined {
  const compiler = findOnPath("g++");
  if (compiler === undefined || findOnPath("make") === undefined) return undefined;
  const probe = ["-E", "-x", "c++", "-include", "zstd.h", "-include", "zlib.h", "-"];
  return spawnSync(compiler, probe, { input: "" }).status === 0 ? compiler : undefined;
}
