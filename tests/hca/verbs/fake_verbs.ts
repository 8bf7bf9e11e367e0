/** A fake device for tests of the queues: it reads chains of work requests as a provider does. */

import { addressOf, bytesAt } from "../../../ffi/libc.ts";
import type { BoundCall } from "../../../ffi/libffi.ts";
import {
  IbvContext,
  IbvMr,
  IbvSendWr,
  IbvSge,
  IbvWc,
} from "../../../ffi/verbs_layout.ts";
import type { Completions } from "../../../src/hca/verbs/completion_queue.ts";
import type { OperationBinder } from "../../../src/hca/verbs/device.ts";
import type { Registrar } from "../../../src/hca/verbs/memory.ts";

export const LKEY = 0x1234;
const NEXT = 8;
const SEND_LENGTH = 160;
const RECEIVE_LENGTH = 48;

/** The fields of a completion; 0 by default. */
export interface FakeCompletion {
  id: number;
  /** High word of the ID: the tag of the send queue. */
  tag?: number;
  status?: number;
  length?: number;
  sourceQpn?: number;
  sourceLid?: number;
  sl?: number;
  pathBits?: number;
  flags?: number;
  qpn?: number;
}

/** A completion queue whose completions the test supplies. */
export class FakeCompletions implements Completions {
  readonly view = new DataView(new ArrayBuffer(64 * IbvWc.Size));
  readonly waiting: FakeCompletion[] = [];

  poll(limit = 64): number {
    const taken = this.waiting.splice(0, limit);
    taken.forEach((each, i) => {
      const at = i * IbvWc.Size;
      const { view } = this;
      view.setInt32(at + IbvWc.WrId, each.id, true);
      view.setInt32(at + IbvWc.WrId + 4, each.tag ?? 0, true);
      view.setUint32(at + IbvWc.QpNum, each.qpn ?? 0, true);
      view.setInt32(at + IbvWc.Status, each.status ?? 0, true);
      view.setUint32(at + IbvWc.ByteLength, each.length ?? 0, true);
      view.setUint32(at + IbvWc.SourceQpn, each.sourceQpn ?? 0, true);
      view.setUint32(at + IbvWc.Flags, each.flags ?? 0, true);
      view.setUint16(at + IbvWc.SourceLid, each.sourceLid ?? 0, true);
      view.setUint8(at + IbvWc.Sl, each.sl ?? 0);
      view.setUint8(at + IbvWc.PathBits, each.pathBits ?? 0);
    });
    return taken.length;
  }
}

/** A copy of a posted work request, with its scatter/gather elements. */
export interface SeenRequest {
  id: number;
  request: DataView;
  element: DataView;
  /** Bytes of the elements of a send at the time of the post. */
  message: Uint8Array;
}

/** The fake device. */
export class FakeVerbs implements OperationBinder {
  /** The accepted requests of each post, a chain. */
  readonly posts: SeenRequest[][] = [];
  /** Number of requests that a post accepts. A longer chain fails at the next one, whose address is returned. */
  accepts = Infinity;
  readonly #region = new Uint8Array(64);
  readonly library: Registrar = {
    ibv_reg_mr: () => addressOf(this.#region),
    ibv_dereg_mr: () => 0,
  };

  constructor() {
    new DataView(this.#region.buffer).setUint32(IbvMr.Lkey, LKEY, true);
  }

  bind(operation: number, args: readonly bigint[]): BoundCall {
    const values = BigUint64Array.from(args);
    const words = new Int32Array(values.buffer);
    const elementAt = operation === IbvContext.PostSend ? 128 : 32;
    return {
      set: (index, low, high) => {
        words[index * 2] = low;
        words[index * 2 + 1] = high;
      },
      call: () => this.#post(values[1]!, values[2]!, elementAt),
    };
  }

  #post(first: bigint, bad: bigint, elementAt: number): number {
    const chain: SeenRequest[] = [];
    for (let at = first; at !== 0n;) {
      if (chain.length >= this.accepts) {
        new DataView(bytesAt(bad, 8)).setBigUint64(0, at, true);
        this.posts.push(chain);
        return 12;
      }
      const send = elementAt === 128;
      const length = send ? SEND_LENGTH : RECEIVE_LENGTH;
      const bytes = bytesAt(at, length).slice(0);
      const request = new DataView(bytes);
      chain.push({
        id: Number(request.getBigUint64(0, true) & 0xffffffffn),
        request,
        element: new DataView(bytes, elementAt),
        message: send ? messageOf(request) : new Uint8Array(),
      });
      at = request.getBigUint64(NEXT, true);
    }
    this.posts.push(chain);
    return 0;
  }
}

/** Returns the bytes of the elements of a send, which follow the request. */
function messageOf(request: DataView): Uint8Array {
  const count = request.getInt32(IbvSendWr.NumSge, true);
  const parts = Array.from({ length: count }, (_, i) => {
    const at = IbvSendWr.Size + i * IbvSge.Size;
    const address = request.getBigUint64(at + IbvSge.Address, true);
    const length = request.getUint32(at + IbvSge.Length, true);
    return [...new Uint8Array(bytesAt(address, length))];
  });
  return Uint8Array.from(parts.flat());
}
