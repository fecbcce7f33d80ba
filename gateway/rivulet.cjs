#!/usr/bin/env node
// The `rivulet` command. CommonJS, because libuv's pool takes its size when it is first used, and loading a module as
// ESM uses it: 8 syncs at once need more than the 4 threads it would have.
process.env.UV_THREADPOOL_SIZE ??= "16";
void import("./dist/rivulet.js");
