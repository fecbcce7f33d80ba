/**
 * Loaded into the gateway's process before it (`node --import`): writes once a second what is in use, into the file that
 * MEMORY_REPORT names. The heap is collected before, so that the figure is what lives and not what nobody has cleared yet.
 */
import { renameSync, writeFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const INTERVAL_MS = 1000;
const file = process.env.MEMORY_REPORT;
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

setInterval(() => {
  collect();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  const handles = process.getActiveResourcesInfo().length;
  // In one step: whoever reads it finds it whole.
  writeFileSync(`${file}.new`, JSON.stringify({ heapUsed, external, arrayBuffers, handles }));
  renameSync(`${file}.new`, file);
}, INTERVAL_MS).unref();
