/** This machine's files and clock, for a store in a test. */
import { nodeFileSystem } from "../../gateway/node-file-system.ts";
import type { StoreHost } from "../../gateway/store/file-system.ts";
import { systemClock } from "../../gateway/system-clock.ts";

export const realFiles: StoreHost = { files: nodeFileSystem, clock: systemClock };
