/**
 * Rows of files that were read lately. A row is far larger than what is looked for in it, and comes from the browser as a
 * whole: the place of a record, its batch's header and the batch lie in one row mostly, and the next piece of a file begins in
 * the row in which the last one ended.
 */

/** Bytes of a file from `position` on. */
export interface Row {
  readonly position: number;
  readonly bytes: Uint8Array;
}

const BYTES_MAX = 4 * 1024 * 1024;
const ROWS_MAX = 64;

export class RowCache {
  /** The one that was used longest ago first. */
  private rows: (Row & { readonly file: string })[] = [];
  private bytes = 0;
  private forgotten = 0;

  /** Changes when something is forgotten: what was read before that is not to be added any more. */
  get age(): number {
    return this.forgotten;
  }

  /** The row of `file` that holds the byte at `position`; undefined: it was not read lately. */
  find(file: string, position: number): Row | undefined {
    const at = this.rows.findIndex(
      (row) =>
        row.file === file && row.position <= position && position < row.position + row.bytes.byteLength,
    );
    const [row] = at < 0 ? [] : this.rows.splice(at, 1);
    if (row !== undefined) this.rows.push(row);
    return row;
  }

  /** Keeps a row, whose bytes nobody changes any more. */
  add(file: string, { position, bytes }: Row): void {
    // It may have grown since it was read.
    this.drop((row) => row.file === file && row.position === position);
    this.rows.push({ file, position, bytes });
    this.bytes += bytes.byteLength;
    while (this.bytes > BYTES_MAX || this.rows.length > ROWS_MAX)
      this.bytes -= this.rows.shift()?.bytes.byteLength ?? 0;
  }

  /** The bytes of a file are others for whoever reads from now on. */
  forget(file: string): void {
    this.forgotten += 1;
    this.drop((row) => row.file === file);
  }

  /** All files may be others by now. */
  clear(): void {
    this.forgotten += 1;
    this.drop(() => true);
  }

  private drop(isGone: (row: { readonly file: string; readonly position: number }) => boolean): void {
    this.rows = this.rows.filter((row) => !isGone(row));
    this.bytes = this.rows.reduce((sum, row) => sum + row.bytes.byteLength, 0);
  }
}
