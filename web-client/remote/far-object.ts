import type { AskingChannel } from "./asking-channel.ts";
import type { MirroredEvent } from "./messages.ts";

/** An object of the other side, without its types: see `Far`. */
export class FarObject {
  private readonly channel: AskingChannel;
  private readonly object: number;
  private readonly hearing: { readonly name: string; readonly hear: (detail: unknown) => void }[] = [];
  private told: unknown;

  constructor(channel: AskingChannel, object: number, state: unknown) {
    this.channel = channel;
    this.object = object;
    this.told = state;
  }

  get state(): unknown {
    return this.told;
  }

  get ended(): AbortSignal {
    return this.channel.ended;
  }

  listen(name: string, hear: (detail: unknown) => void): void {
    this.hearing.push({ name, hear });
  }

  release(): void {
    this.channel.release(this.object);
  }

  isOver(error: unknown): boolean {
    return this.channel.isClosedWith(error);
  }

  call(name: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.channel.call(this.object, name, args);
  }

  stream(
    name: string,
    signal: AbortSignal | undefined,
    ...args: readonly unknown[]
  ): AsyncGenerator<unknown, void, void> {
    return this.channel.stream(this.object, name, signal, args);
  }

  /** The other side tells how it looks now. */
  follow(state: unknown, events: readonly MirroredEvent[]): void {
    this.told = state;
    for (const { name, detail } of events)
      for (const each of this.hearing) if (each.name === name) each.hear(detail);
  }
}
