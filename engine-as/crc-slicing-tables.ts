// Tables for slicing, which every CRC of 32 bits with reflected bits can use: table k holds, for each byte, the CRC of that
// byte followed by k zero bytes.

/** Writes `tables` tables of 256 uint32 at `at`; `polynomial` has its bits reflected. */
export function buildSlicingTables(at: usize, tables: usize, polynomial: u32): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    store<u32>(at + ((<usize>byte) << 2), crc);
  }
  for (let byte: usize = 0; byte < 256; byte++) {
    let crc = load<u32>(at + (byte << 2));
    for (let table: usize = 1; table < tables; table++) {
      crc = load<u32>(at + ((<usize>(crc & 255)) << 2)) ^ (crc >>> 8);
      store<u32>(at + (table << 10) + (byte << 2), crc);
    }
  }
}
