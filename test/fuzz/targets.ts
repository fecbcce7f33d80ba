/** Every target by its name. */
import { Zstd } from "@hpcc-js/wasm-zstd";
import { CODEC_GZIP, CODEC_LZ4, CODEC_SNAPPY, CODEC_ZSTD, HEAP_AT } from "../../engine-as/format.ts";
import { UNSUPPORTED_CODEC } from "../../engine-as/status.ts";
import { loadExports } from "../engine/load.ts";
import { BatchTarget } from "./batch-target.ts";
import { CodecTarget } from "./codec-target.ts";
import { gzipInputs } from "./gzip-inputs.ts";
import { lz4Inputs } from "./lz4-inputs.ts";
import { RewriteTarget } from "./rewrite-target.ts";
import { ScanTarget } from "./scan-target.ts";
import { snappyInputs } from "./snappy-inputs.ts";
import type { Target } from "./target.ts";
import { zstdInputs } from "./zstd-inputs.ts";

interface Entry {
  /** The codec that it is about. */
  readonly codec?: number;
  make(): Target | Promise<Target>;
}

/** A target for any input. */
function anyTarget<Input>(target: Target<Input>): Target {
  return target as Target;
}

const entries: Readonly<Record<string, Entry>> = {
  lz4: { codec: CODEC_LZ4, make: () => anyTarget(new CodecTarget(lz4Inputs())) },
  snappy: { codec: CODEC_SNAPPY, make: () => anyTarget(new CodecTarget(snappyInputs())) },
  gzip: { codec: CODEC_GZIP, make: () => anyTarget(new CodecTarget(gzipInputs())) },
  zstd: { codec: CODEC_ZSTD, make: async () => anyTarget(new CodecTarget(zstdInputs(await Zstd.load()))) },
  batch: { make: () => anyTarget(new BatchTarget()) },
  scan: { make: () => anyTarget(new ScanTarget()) },
  rewrite: { make: () => anyTarget(new RewriteTarget()) },
};

export const targetNames: readonly string[] = Object.keys(entries).filter((name) =>
  canRead(entries[name]?.codec),
);

/** Whether the engine has this codec. */
function canRead(codec: number | undefined): boolean {
  if (codec === undefined) return true;
  return loadExports().decompress(codec, HEAP_AT, 0, HEAP_AT, 0) !== UNSUPPORTED_CODEC;
}

export async function makeTarget(name: string): Promise<Target> {
  const entry = entries[name];
  if (entry === undefined)
    throw new Error(`no target is called ${name}; there are ${targetNames.join(", ")}`);
  return entry.make();
}
