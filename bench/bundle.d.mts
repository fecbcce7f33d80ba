/** Bundles the benches into `outDir`, which is emptied first. */
export function bundleBenches(outDir: string): Promise<void>;
