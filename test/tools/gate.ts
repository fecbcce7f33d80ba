/** A server that lets whoever asks wait, until the gate is opened: how a worker is made to stand still. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Gate {
  readonly url: string;
  /** Resolves when somebody waits. */
  readonly arrived: Promise<void>;
  /** Lets them go on. */
  open(): void;
  /** Nobody waits there any more. */
  close(): void;
}

export async function openGate(): Promise<Gate> {
  const waiting = new Set<() => void>();
  let arrive = (): void => undefined;
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  const server = createServer((_request, response) => {
    waiting.add(() =>
      response.writeHead(200, { "access-control-allow-origin": "*", connection: "close" }).end(),
    );
    arrive();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    arrived,
    open() {
      for (const go of waiting) go();
      server.close();
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
