import { reactHooks } from "./react-hooks.ts";

reactHooks(19, async () => {
  const [react, client, server] = await Promise.all([
    import("react"),
    import("react-dom/client"),
    import("react-dom/server"),
  ]);
  return { ...react, ...client, ...server };
});
