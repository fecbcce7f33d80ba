/**
 * Loaded into the gateway's process before it (`node --import`): a disk that syncs slowly, and that keeps a journal of
 * what it has synced. So a test knows from outside how much of each file a power loss could not have taken, and at any
 * moment there is something written that is not synced yet.
 *
 * SLOW_DISK_JOURNAL names the journal; each line is how many bytes of a file were synced, and the file's path.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const SYNC_MS = 10;
const journal = fs.openSync(process.env.SLOW_DISK_JOURNAL, "a");
const paths = new Map();

const { open, fdatasync, fsync } = fs;

fs.open = (path, ...rest) => {
  const callback = rest.pop();
  open(path, ...rest, (error, fd) => {
    if (error === null) paths.set(fd, String(path));
    callback(error, fd);
  });
};

/** The size is taken before the sync begins: what is written while it runs need not be in it. */
const slowly = (sync) => (fd, callback) => {
  setTimeout(() => {
    const { size } = fs.fstatSync(fd);
    sync(fd, (error) => {
      // In the journal before anyone hears of it.
      if (error === null) fs.writeSync(journal, `${size} ${paths.get(fd)}\n`);
      callback(error);
    });
  }, SYNC_MS);
};
fs.fdatasync = slowly(fdatasync);
fs.fsync = slowly(fsync);
syncBuiltinESMExports();
