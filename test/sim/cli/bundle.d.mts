import type { Plugin } from "vite";

export interface BundleRequest {
  /** The top of the clone. */
  readonly root: string;
  /** Absolute; a directory of `build/`. */
  readonly outDir: string;
  /** Names of files in `test/sim/cli`, without `.ts`. */
  readonly entries: readonly string[];
  readonly plugins?: readonly Plugin[];
}

/** Files and directories that a bundle is made of, from the top of the clone. */
export const SOURCES: readonly string[];

export function bundleSimulator(request: BundleRequest): Promise<void>;
