/** Cloudflare's runtime hands a module over compiled. */
declare module "engine.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
