/** The current input in a mapped file, from which the parent reads the input that crashed or blocked the process. */

import { cString, libc } from "../../../ffi/libc.ts";
import { unwrap } from "../../../src/system/errno.ts";
import { Fd } from "../../../src/system/fd.ts";
import { Mapping } from "../../../src/system/memory.ts";

const SIZE = 128 * 1024;
const LENGTH_BYTES = 4;
const O_RDWR_CREAT_CLOEXEC = 2 | 0x40 | 0x80000;

export class CurrentInput {
  readonly #mapping: Mapping;
  readonly #view: DataView;

  constructor(path: string) {
    using fd = new Fd(
      unwrap(
        libc().open(cString(path), O_RDWR_CREAT_CLOEXEC, 0o600),
        "E_FUZZ",
        `open ${path}`,
      ),
    );
    unwrap(libc().ftruncate(fd.number, BigInt(SIZE)), "E_FUZZ", "size a file");
    this.#mapping = new Mapping(fd.number, SIZE, "write");
    this.#view = new DataView(this.#mapping.buffer);
  }

  set(input: Uint8Array): void {
    const part = input.subarray(0, SIZE - LENGTH_BYTES);
    this.#view.setUint32(0, part.length);
    this.#mapping.bytes.set(part, LENGTH_BYTES);
  }

  static read(path: string): Uint8Array {
    const bytes = Deno.readFileSync(path);
    const view = new DataView(bytes.buffer);
    return bytes.slice(LENGTH_BYTES, LENGTH_BYTES + view.getUint32(0));
  }
}
