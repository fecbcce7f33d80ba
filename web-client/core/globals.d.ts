// Beyond wire/globals.d.ts and sync/globals.d.ts: events and addresses, as every JavaScript runtime has them.

declare class Event {
  constructor(type: string);
  readonly type: string;
}

interface EventListenerOptions {
  capture?: boolean;
}

interface AddEventListenerOptions extends EventListenerOptions {
  once?: boolean;
  signal?: AbortSignal;
}

declare class EventTarget {}

declare class URL {
  readonly href: string;
}

declare function atob(base64: string): string;
