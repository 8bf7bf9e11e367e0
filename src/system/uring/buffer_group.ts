/**
 * A provided-buffer ring: buffers from which the kernel selects one for each frame that it reads, similar to posted
 * receives.
 *
 * | byte of entry  | field                                                            |
 * |----------------|------------------------------------------------------------------|
 * | 0              | address (8)                                                      |
 * | 8              | length (4)                                                       |
 * | 12             | buffer id (2)                                                    |
 * | 14             | entry 0: tail of the ring, written by the user; others: reserved |
 */

import { bytesAt, libc } from "../../../ffi/libc.ts";
import { lastError } from "../errno.ts";
import { type Pending, PendingList } from "../../base/pending_list.ts";
import type { LentSlots } from "../frames.ts";
import type { Ring } from "./ring.ts";

const REGISTER_PBUF_RING = 22;
const UNREGISTER_PBUF_RING = 23;
const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MAP_FAILED = 0xffffffffffffffffn;
const ENTRY_BYTES = 16;

/** See {@linkcode LentSlots}. */
export class ProvidedBuffers implements LentSlots, Pending {
  /** True while added buffers are not published. */
  dirty = false;
  readonly id: number;
  readonly #ring: Ring;
  readonly #addresses: readonly bigint[];
  readonly #length: number;
  readonly #mask: number;
  readonly #address: bigint;
  readonly #bytes: bigint;
  readonly #words: Uint32Array;
  readonly #halves: Uint16Array;
  readonly #quads: BigUint64Array;
  #tail = 0;
  #available = 0;
  readonly #unpublished: PendingList<ProvidedBuffers>;

  /**
   * Throws `E_URING`.
   *
   * @param unpublished list of the groups whose {@linkcode commit} must be called
   */
  constructor(
    ring: Ring,
    id: number,
    addresses: readonly bigint[],
    length: number,
    unpublished = new PendingList<ProvidedBuffers>(),
  ) {
    this.#unpublished = unpublished;
    const entries = 2 ** Math.ceil(Math.log2(addresses.length));
    this.id = id;
    this.#ring = ring;
    this.#addresses = addresses;
    this.#length = length;
    this.#mask = entries - 1;
    this.#bytes = BigInt(entries * ENTRY_BYTES);
    this.#address = BigInt(
      libc().mmap(
        0n,
        this.#bytes,
        PROT_READ_WRITE,
        MAP_PRIVATE_ANONYMOUS,
        -1,
        0n,
      ),
    );
    if (this.#address === MAP_FAILED) {
      throw lastError("E_URING", "map a buffer ring");
    }
    using parts = new DisposableStack();
    parts.defer(() => this.#unmap());
    const memory = bytesAt(this.#address, entries * ENTRY_BYTES);
    this.#words = new Uint32Array(memory);
    this.#halves = new Uint16Array(memory);
    this.#quads = new BigUint64Array(memory);
    this.#register(REGISTER_PBUF_RING, this.#address, entries);
    parts.move();
  }

  get available(): number {
    return this.#available;
  }

  add(buffer: number): void {
    const at = this.#tail & this.#mask;
    this.#quads[at * 2] = this.#addresses[buffer]!;
    this.#words[at * 4 + 2] = this.#length;
    this.#halves[at * 8 + 6] = buffer;
    this.#tail = (this.#tail + 1) & 0xffff;
    this.#available++;
    this.#unpublished.add(this);
  }

  /** Publishes added buffers to the kernel. */
  commit(): void {
    Atomics.store(this.#halves, 7, this.#tail);
  }

  /** Called when the kernel has filled a buffer. */
  taken(): void {
    this.#available--;
  }

  /** Unregisters and unmaps the ring. No read into its buffers may be in progress. */
  close(): void {
    this.#unpublished.remove(this);
    if (this.#ring.fd >= 0) this.#register(UNREGISTER_PBUF_RING, 0n, 0);
    this.#unmap();
  }

  #unmap(): void {
    libc().munmap(this.#address, this.#bytes);
  }

  /** Passes a struct io_uring_buf_reg: address, number of entries, group id. */
  #register(opcode: number, address: bigint, entries: number): void {
    const registration = new Uint8Array(40);
    const view = new DataView(registration.buffer);
    view.setBigUint64(0, address, true);
    view.setUint32(8, entries, true);
    view.setUint16(12, this.id, true);
    this.#ring.register(opcode, registration, 1);
  }
}
