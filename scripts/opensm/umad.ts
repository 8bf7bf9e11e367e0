/**
 * MADs through libibumad, in the simulator's stead of a kernel: this process must have been started with
 * libumad2sim.so preloaded and with SIM_HOST naming its node (see simulator.ts).
 *
 * The simulator neither repeats nor times out, so an answer that does not come within the wait is none.
 */

const LIBRARY = "libibumad.so.3";
const symbols = {
  umad_init: { parameters: [], result: "i32" },
  umad_size: { parameters: [], result: "usize" },
  // int umad_open_port(const char *ca_name, int portnum)
  umad_open_port: { parameters: ["pointer", "i32"], result: "i32" },
  // int umad_register(int portid, int mgmt_class, int mgmt_version, uint8_t rmpp_version, long method_mask[])
  umad_register: {
    parameters: ["i32", "i32", "i32", "u8", "pointer"],
    result: "i32",
  },
  // int umad_send(int portid, int agentid, void *umad, int length, int timeout_ms, int retries)
  umad_send: {
    parameters: ["i32", "i32", "buffer", "i32", "i32", "i32"],
    result: "i32",
  },
  // int umad_recv(int portid, void *umad, int *length, int timeout_ms)
  umad_recv: {
    parameters: ["i32", "buffer", "buffer", "i32"],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** Management classes, with their versions. */
const CLASSES = [[3, 2], [1, 1]] as const;
const SMP_CLASS = 1;
const MAD_LENGTH = 256;
/** struct ib_user_mad, see umad(4). */
const Field = { qpn: 20, qkey: 24, lid: 28 } as const;
/** Bytes of a MAD. */
const CLASS = 1;
const METHOD = 3;
const TRANSACTION_LOW = 12;
const GSI_QPN = 1;
const GSI_QKEY = 0x80010000;

/** The way from this port's management queue pairs to those of another. */
export class Umad {
  readonly #library = Deno.dlopen(LIBRARY, symbols).symbols;
  readonly #port: number;
  readonly #agents = new Map<number, number>();
  readonly #header: number;

  constructor() {
    this.#library.umad_init();
    this.#port = this.#library.umad_open_port(null, 0);
    if (this.#port < 0) throw new Error("Cannot open the simulated port");
    this.#header = Number(this.#library.umad_size());
    for (const [managementClass, version] of CLASSES) {
      const agent = this.#library.umad_register(
        this.#port,
        managementClass,
        version,
        0,
        null,
      );
      if (agent < 0) {
        throw new Error(`Cannot register class ${managementClass}`);
      }
      this.#agents.set(managementClass, agent);
    }
  }

  /** Sends a MAD to `lid`, an SMP to QP0 and others to QP1, and returns the answer, or undefined if none came. */
  exchange(
    lid: number,
    mad: Uint8Array,
    waitMs: number,
  ): Uint8Array | undefined {
    const umad = new Uint8Array(this.#header + MAD_LENGTH);
    const view = new DataView(umad.buffer);
    const smp = mad[CLASS] === SMP_CLASS;
    view.setUint32(Field.qpn, smp ? 0 : GSI_QPN);
    view.setUint32(Field.qkey, smp ? 0 : GSI_QKEY);
    view.setUint16(Field.lid, lid);
    umad.set(mad, this.#header);
    const sent = this.#library.umad_send(
      this.#port,
      this.#agents.get(mad[CLASS]!)!,
      umad,
      MAD_LENGTH,
      waitMs,
      0,
    );
    if (sent !== 0) throw new Error(`umad_send() returned ${sent}`);
    const end = performance.now() + waitMs;
    for (let left = waitMs; left > 0; left = end - performance.now()) {
      const answer = this.#receive(Math.ceil(left));
      if (answer !== undefined && answers(answer, mad)) return answer;
    }
    return undefined;
  }

  /** The first 256 bytes of what comes next: the simulator cuts longer answers off. */
  #receive(waitMs: number): Uint8Array | undefined {
    const room = 64 * 1024;
    const umad = new Uint8Array(this.#header + room);
    const length = Int32Array.of(room);
    const agent = this.#library.umad_recv(
      this.#port,
      umad,
      new Uint8Array(length.buffer),
      waitMs,
    );
    if (agent < 0) return undefined;
    return umad.slice(this.#header, this.#header + MAD_LENGTH);
  }
}

/** True if the MAD is a response with the low half of the request's TransactionID. */
function answers(mad: Uint8Array, request: Uint8Array): boolean {
  if ((mad[METHOD]! & 0x80) === 0) return false;
  for (let i = TRANSACTION_LOW; i < TRANSACTION_LOW + 4; i++) {
    if (mad[i] !== request[i]) return false;
  }
  return true;
}
