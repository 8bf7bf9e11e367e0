/**
 * A fake libibverbs with one device of one port, whose structs are in memory as a provider's are. Its queue pairs accept
 * all requests and complete none.
 */

import { errnoCell, guard } from "../../../ffi/errno.ts";
import { addressOf, cString } from "../../../ffi/libc.ts";
import type { Libibverbs } from "../../../ffi/libibverbs.ts";
import {
  IbvAsyncEvent,
  IbvCompChannel,
  IbvContext,
  IbvDevice,
  IbvDeviceAttr,
  IbvMr,
  IbvPortAttr,
  IbvQp,
} from "../../../ffi/verbs_layout.ts";
import { Errno } from "../../../src/base/errno.ts";
import { createEventFd, drain, ring } from "../../../src/system/event_fd.ts";
import { DEFAULT_SUBNET_PREFIX, gidFrom } from "../../../src/wire/gid.ts";

export const DEVICE = "fake0";
const GUID = 0x0002c9030000abcdn;
const FIRST_QPN = 0x48;
const CQ = 0x7000_0000n;

/** Address of a function that returns 0 for the arguments of the operations of a context: isatty(3). */
function idleFunction(): bigint {
  const libc = Deno.dlopen("libc.so.6", {
    dlsym: { parameters: ["u64", "buffer"], result: "u64" },
  });
  const address = libc.symbols.dlsym(0n, cString("isatty"));
  libc.close();
  return address;
}

export class FakeLibibverbs implements Disposable {
  /** The numbers of the objects that exist, by kind. */
  readonly objects: Record<string, number> = {};
  /** If not 0, the errno with which releases fail, as those of a removed device do. The objects no longer exist. */
  releaseErrno = 0;
  /** Calls that are refused with ENOMEM. */
  readonly refused = new Set<string>();
  /** True if the library lists no device. */
  absent = false;
  lid = 5;
  /** The L_Key of the next registration. */
  lkey = 0x100;
  qpn = FIRST_QPN;
  /** Errno of reading events if there are none. */
  eventErrno: number = Errno.EAGAIN;
  readonly #events: number[] = [];
  readonly #bell = createEventFd();
  /** Descriptor of the completion channels, which have no events. */
  readonly #completions = createEventFd();
  readonly #kept: Uint8Array<ArrayBuffer>[] = [];

  /** Raises an asynchronous event of the port. */
  raise(type: number): void {
    this.#events.push(type);
    ring(this.#bell.number);
  }

  /** The objects that exist, as text; empty if there are none. */
  get left(): string {
    return Object.entries(this.objects).filter(([, count]) => count !== 0)
      .map(([kind, count]) => `${kind} ${count}`).join(", ");
  }

  get library(): Libibverbs {
    const create = (kind: string, make: () => bigint): bigint => {
      if (this.refused.has(kind)) return 0n;
      this.objects[kind] = (this.objects[kind] ?? 0) + 1;
      return make();
    };
    const release = (kind: string) => () => {
      this.objects[kind]!--;
      return this.releaseErrno;
    };
    const nothing = () => 0;
    return {
      ibv_get_device_list: (count) => {
        new Int32Array((count as Uint8Array<ArrayBuffer>).buffer)[0] =
          this.absent ? 0 : 1;
        const list = new BigUint64Array([
          this.absent ? 0n : this.#device(),
          0n,
        ]);
        return this.#keep(new Uint8Array(list.buffer));
      },
      ibv_free_device_list: () => {},
      ibv_open_device: () => create("context", () => this.#context()),
      ibv_close_device: release("context"),
      ibv_query_device: (_context, attributes) => {
        (attributes as Uint8Array)[IbvDeviceAttr.PortCount] = 1;
        return 0;
      },
      ibv_query_port: (_context, _port, attributes) =>
        this.#queryPort(attributes as Uint8Array<ArrayBuffer>),
      ibv_query_gid: (_context, _port, _index, gid) => {
        (gid as Uint8Array).set(gidFrom(DEFAULT_SUBNET_PREFIX, GUID));
        return 0;
      },
      ibv_query_pkey: (_context, _port, index, pkey) => {
        (pkey as Uint8Array).set([0xff, 0xff]);
        return index === 0 ? 0 : -1;
      },
      ibv_alloc_pd: () => create("pd", () => 1n),
      ibv_dealloc_pd: release("pd"),
      ibv_reg_mr: () => create("mr", () => this.#region()),
      ibv_dereg_mr: release("mr"),
      ibv_create_comp_channel: () => create("channel", () => this.#channel()),
      ibv_destroy_comp_channel: release("channel"),
      ibv_create_cq: () => create("cq", () => CQ),
      ibv_destroy_cq: release("cq"),
      ibv_get_cq_event: () => -1,
      ibv_ack_cq_events: () => {},
      ibv_create_qp: () => create("qp", () => this.#queuePair()),
      ibv_modify_qp: nothing,
      ibv_destroy_qp: release("qp"),
      ibv_create_ah: () => create("ah", () => 3n),
      ibv_destroy_ah: release("ah"),
      ibv_attach_mcast: nothing,
      ibv_detach_mcast: () => this.releaseErrno,
      ibv_get_async_event: guard(
        (_context: bigint, event: Uint8Array<ArrayBuffer>) =>
          this.#nextEvent(event),
        2,
      ),
      ibv_ack_async_event: () => {},
      ibv_create_srq: () => 0n,
      ibv_destroy_srq: nothing,
    };
  }

  [Symbol.dispose](): void {
    this.#bell.close();
    this.#completions.close();
  }

  /** Keeps a struct from the garbage collector, and returns its address. */
  #keep(bytes: Uint8Array<ArrayBuffer>): bigint {
    this.#kept.push(bytes);
    return addressOf(bytes);
  }

  #device(): bigint {
    const bytes = new Uint8Array(IbvDevice.Name + 64);
    bytes.set(new TextEncoder().encode(DEVICE), IbvDevice.Name);
    return this.#keep(bytes);
  }

  #context(): bigint {
    const bytes = new Uint8Array(IbvContext.Size);
    const view = new DataView(bytes.buffer);
    const idle = idleFunction();
    const { PollCq, ReqNotifyCq, PostSrqRecv, PostSend, PostRecv } = IbvContext;
    for (const at of [PollCq, ReqNotifyCq, PostSrqRecv, PostSend, PostRecv]) {
      view.setBigUint64(at, idle, true);
    }
    view.setInt32(IbvContext.AsyncFd, this.#bell.number, true);
    return this.#keep(bytes);
  }

  #channel(): bigint {
    const bytes = new Uint8Array(IbvCompChannel.Fd + 4);
    const view = new DataView(bytes.buffer);
    view.setInt32(IbvCompChannel.Fd, this.#completions.number, true);
    return this.#keep(bytes);
  }

  #region(): bigint {
    const bytes = new Uint8Array(IbvMr.Lkey + 4);
    new DataView(bytes.buffer).setUint32(IbvMr.Lkey, this.lkey++, true);
    return this.#keep(bytes);
  }

  #queuePair(): bigint {
    const bytes = new Uint8Array(IbvQp.QpNum + 4);
    new DataView(bytes.buffer).setUint32(IbvQp.QpNum, this.qpn++, true);
    return this.#keep(bytes);
  }

  #queryPort(attributes: Uint8Array<ArrayBuffer>): number {
    const view = new DataView(attributes.buffer);
    view.setInt32(IbvPortAttr.State, 4, true);
    view.setInt32(IbvPortAttr.MaxMtu, 4, true);
    view.setInt32(IbvPortAttr.ActiveMtu, 4, true);
    view.setUint16(IbvPortAttr.PkeyTableLength, 1, true);
    view.setUint16(IbvPortAttr.Lid, this.lid, true);
    view.setUint16(IbvPortAttr.SmLid, 1, true);
    view.setUint8(IbvPortAttr.ActiveWidth, 2);
    view.setUint8(IbvPortAttr.LinkLayer, 1);
    return 0;
  }

  #nextEvent(event: Uint8Array<ArrayBuffer>): number {
    const type = this.#events.shift();
    if (type === undefined) {
      drain(this.#bell.number);
      errnoCell()[0] = this.eventErrno;
      return -1;
    }
    const view = new DataView(event.buffer);
    view.setInt32(IbvAsyncEvent.Type, type, true);
    view.setInt32(IbvAsyncEvent.Element, 1, true);
    return 0;
  }
}
