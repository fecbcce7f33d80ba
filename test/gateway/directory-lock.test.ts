import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { build } from "vite";
import { type DirectoryLock, lockDirectory } from "../../gateway/directory-lock.ts";
import { FileStore } from "../../gateway/store/file-store.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { realFiles } from "./real-files.ts";

let directory = "";
const held: DirectoryLock[] = [];
const children: ChildProcess[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "rivulet-lock-"));
});
afterEach(async () => {
  for (const lock of held.splice(0)) await lock.release();
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(directory, { recursive: true });
});

async function lock(path = directory): Promise<DirectoryLock> {
  const taken = await lockDirectory(path);
  held.push(taken);
  return taken;
}

/** A process that takes the lock, says "held" or why not, and stays until it is killed. */
async function lockInChild(script: string): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, [script, directory], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  return { child, said: said.toString().trim() };
}

/** The lock as a script that plain Node can run. */
async function bundle(): Promise<string> {
  const module = fileURLToPath(new URL("../../gateway/directory-lock.ts", import.meta.url));
  await build({
    logLevel: "silent",
    configFile: false,
    build: {
      ssr: module,
      outDir: join(directory, "bundle"),
      rollupOptions: { output: { entryFileNames: "lock.mjs" } },
    },
  });
  const script = join(directory, "bundle", "hold.mjs");
  const source = `import { lockDirectory } from "./lock.mjs";
    setInterval(() => {}, 1000);
    lockDirectory(process.argv[2]).then(() => console.log("held"), (error) => console.log(error.message));`;
  await writeFile(script, source);
  return script;
}

describe("the lock of a data directory", () => {
  it("is refused while another holds it, with the directory's name", async () => {
    await lock();
    const refused = lockDirectory(directory);
    await expect(refused).rejects.toMatchObject({ code: ErrorCode.KAFKA_STORAGE_ERROR });
    await expect(refused).rejects.toThrow(/in use by another gateway/);
  });

  it("can be taken again once it was released, any number of times, and leaves one file", async () => {
    for (let round = 0; round < 5; round++) await (await lock()).release();
    expect((await readdir(directory)).filter((name) => name.startsWith(".lock"))).toHaveLength(1);
  });

  it("is given to one of many that ask at once", async () => {
    const asked = await Promise.allSettled(Array.from({ length: 20 }, () => lock()));
    expect(asked.filter((answer) => answer.status === "fulfilled")).toHaveLength(1);
    for (const answer of asked) {
      if (answer.status === "rejected")
        expect(answer.reason).toMatchObject({ code: ErrorCode.KAFKA_STORAGE_ERROR });
    }
  });

  it("works where the path is longer than a socket's may be", async () => {
    const deep = join(directory, "d".repeat(100), "e".repeat(100));
    await mkdir(deep, { recursive: true });
    await lock(deep);
    await expect(lockDirectory(deep)).rejects.toMatchObject({ code: ErrorCode.KAFKA_STORAGE_ERROR });
  });

  it("is no file of the store", async () => {
    await lock();
    const store = await FileStore.open(directory, realFiles);
    expect(await store.list("")).toEqual([]);
    await store.close();
  });

  it.skipIf(process.platform === "win32")("is free at once when its holder was killed", async () => {
    const script = await bundle();
    for (let round = 0; round < 3; round++) {
      const first = await lockInChild(script);
      expect(first.said).toBe("held");
      expect((await lockInChild(script)).said).toContain("in use by another gateway");
      first.child.kill("SIGKILL");
      await once(first.child, "exit");
    }
    await lock();
  });
});
