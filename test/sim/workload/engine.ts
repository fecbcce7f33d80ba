/** The engine of all clients here that run outside a browser. */
import { loadEngine } from "../../engine/load.ts";

export const engine = loadEngine();

/** What one batch may decompress to. */
export const UNCOMPRESSED_BYTES_MAX = 16 * 1024 * 1024;
