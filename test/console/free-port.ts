import { createServer } from "node:net";

/**
 * A port that was free a moment ago. A listener that asked the system for any port may not get the same one again while
 * connections to it linger; one that names its port may.
 */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === "string") reject(new Error("not a TCP port"));
        else resolve(address.port);
      });
    });
  });
}
