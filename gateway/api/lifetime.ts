/** Something that ends once: a connection, or the gateway's willingness to let requests wait. */
export class Lifetime {
  private listeners: Set<() => void> | undefined = new Set();

  get ended(): boolean {
    return this.listeners === undefined;
  }

  /** Calls `listener` once when it ends, at once when it already has; the answer takes the listener back. */
  onEnd(listener: () => void): () => void {
    if (this.listeners === undefined) {
      listener();
      return () => {};
    }
    const listeners = this.listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  end(): void {
    const listeners = this.listeners;
    this.listeners = undefined;
    for (const listener of listeners ?? []) listener();
  }
}
