import type * as React from "react";
import type * as ReactClient from "react-dom/client";
import type * as ReactServer from "react-dom/server";
import { createRequire } from "node:module";
import { vi } from "vitest";
import { reactHooks } from "./react-hooks.ts";

// What the hooks import: the same one that its `react-dom` has beside it.
vi.mock(
  "react",
  () => createRequire(new URL("../react-18/package.json", import.meta.url))("react") as object,
);

reactHooks(18, () => {
  const require = createRequire(new URL("../react-18/package.json", import.meta.url));
  const [react, client, server] = ["react", "react-dom/client", "react-dom/server"].map(
    (name) => require(name) as unknown,
  );
  return Promise.resolve({
    ...(react as typeof React),
    ...(client as typeof ReactClient),
    ...(server as typeof ReactServer),
  });
});
