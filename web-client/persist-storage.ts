/**
 * Asks the browser not to throw this origin's store away by itself, and answers whether it will not; it may do as it likes. Only
 * pages may ask. Never rejects.
 */
export async function persistStorage(): Promise<boolean> {
  // Absent on insecure origins.
  const manager = (globalThis.navigator as { readonly storage?: Partial<StorageManager> } | undefined)
    ?.storage;
  return (await manager?.persist?.().catch(() => false)) ?? false;
}
