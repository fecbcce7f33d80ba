import { afterEach, expect, test } from "vitest";
import { gatewayAddress } from "../../web-client/address.ts";
import { browserHost } from "../../web-client/browser-host.ts";
import type { TabPort } from "../../web-client/core/tab-channel.ts";

const host = browserHost(gatewayAddress("https://gateway.example/"));
const open: TabPort<number>[] = [];
afterEach(() => {
  for (const port of open.splice(0)) port.close();
});

function join(name: string, hear: (message: number) => void = () => undefined): TabPort<number> {
  const port = host.openPort<number>(name, hear);
  open.push(port);
  return port;
}

test("what is said to a tab that has just been left is heard by nobody, and fails nothing", async () => {
  const heard: number[] = [];
  let wake: () => void = () => undefined;
  join("some tabs", (message) => {
    heard.push(message);
    wake();
  });
  const [left, other] = [join("some tabs"), join("some tabs")];
  left.post(1);
  left.close();
  left.post(2);
  left.close();
  other.post(3);
  while (heard.at(-1) !== 3) await new Promise<void>((resolve) => (wake = resolve));
  expect(heard).toEqual([1, 3]);
});
