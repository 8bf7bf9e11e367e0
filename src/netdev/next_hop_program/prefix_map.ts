/**
 * The table of the high 8 bytes of IPv6 gateways: a BPF array map whose only element is the table
 * (netdev/gateway_prefixes.ts).
 */

import { bpfCalls, SYSCALL_BPF } from "../../../ffi/bpf.ts";
import { Bpf, BpfMapCreate, BpfMapElem } from "../../../ffi/bpf_layout.ts";
import { addressOf, errno } from "../../../ffi/libc.ts";
import { Errno } from "../../base/errno.ts";
import { Fd } from "../../system/fd.ts";
import { GATEWAY_PREFIXES_LENGTH } from "../gateway_prefixes.ts";
import { PRIVILEGE_HINT, unavailable } from "./unavailable.ts";

const NAME = "ipoib_prefixes";
const NAME_LENGTH = 16;
const CREATE_LENGTH = BpfMapCreate.MapName + NAME_LENGTH;
const ELEM_LENGTH = BpfMapElem.Value + 16;

/** Creates an empty table. Throws `E_NEXT_HOP_PROGRAM`. */
export function createPrefixMap(): Fd {
  const attributes = new Uint8Array(CREATE_LENGTH);
  const view = new DataView(attributes.buffer);
  view.setUint32(BpfMapCreate.MapType, Bpf.MAP_TYPE_ARRAY, true);
  view.setUint32(BpfMapCreate.KeySize, 4, true);
  view.setUint32(BpfMapCreate.ValueSize, GATEWAY_PREFIXES_LENGTH, true);
  view.setUint32(BpfMapCreate.MaxEntries, 1, true);
  attributes.set(new TextEncoder().encode(NAME), BpfMapCreate.MapName);
  const fd = bpfCalls().bpf(
    SYSCALL_BPF,
    Bpf.MAP_CREATE,
    attributes,
    attributes.length,
  );
  if (fd >= 0) return new Fd(fd);
  const why = errno();
  throw unavailable("create the map of the next-hop program", {
    errno: why,
    ...(why === Errno.EPERM ? { hint: PRIVILEGE_HINT } : {}),
  });
}

/** Copies the table. Leaves `table` unchanged if the kernel refuses. */
export function readPrefixMap(map: Fd, table: Uint8Array<ArrayBuffer>): void {
  const key = new Uint8Array(4);
  const attributes = new Uint8Array(ELEM_LENGTH);
  const view = new DataView(attributes.buffer);
  view.setInt32(BpfMapElem.MapFd, map.number, true);
  view.setBigUint64(BpfMapElem.Key, addressOf(key), true);
  view.setBigUint64(BpfMapElem.Value, addressOf(table), true);
  bpfCalls().bpf(
    SYSCALL_BPF,
    Bpf.MAP_LOOKUP_ELEM,
    attributes,
    attributes.length,
  );
}
