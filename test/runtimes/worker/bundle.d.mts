export function bundleWorker(options: { readonly root: string; readonly outDir: string }): Promise<void>;
