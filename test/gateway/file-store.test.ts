import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileStore } from "../../gateway/file-store.ts";
import { storeContract } from "../log/store-contract.ts";

storeContract("FileStore", () => underTest({}));
storeContract("FileStore with room for one open file", () => underTest({ openFilesMax: 1 }));

async function underTest(options: { openFilesMax?: number }) {
  const directory = await mkdtemp(join(tmpdir(), "rivulet-store-"));
  return {
    store: await FileStore.open(directory, options),
    reopen: () => FileStore.open(directory, options),
    dispose: () => rm(directory, { recursive: true }),
  };
}
