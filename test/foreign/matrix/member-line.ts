/** What our own members print for each record: `<partition> <offset> <value>`. */
export function parseMember(line: string): { partition: number; offset: number } | undefined {
  const [, partition, offset] = /^(\d+) (\d+) /.exec(line) ?? [];
  return partition === undefined ? undefined : { partition: Number(partition), offset: Number(offset) };
}
