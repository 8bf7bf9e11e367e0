/** Receives SA requests and sends answers on QP1 through libibumad. */

import { cString } from "../../../ffi/libc.ts";
import { libibumad } from "../../../ffi/libibumad.ts";
import { UserMad } from "../../../ffi/umad_layout.ts";
import { Errno } from "../../../src/base/errno.ts";
import {
  GSI_QKEY,
  MAD_LENGTH,
  Method,
  MgmtClass,
} from "../../../src/wire/mad.ts";
import { SA_CLASS_VERSION } from "../../../src/wire/sa/sa_mad.ts";
import type { Source } from "./administrator.ts";

const REQUESTS = [Method.Get, Method.Set, Method.GetTable, Method.Delete];
const NO_TIMEOUT_MS = -1;

/** Handles a request. Returns the answer, or undefined to send none. */
export type Handler = (mad: Uint8Array, from: Source) => Uint8Array | undefined;

/**
 * Serves SA requests on port 1 of a device, one at a time, until the process exits. Calls `ready` once after
 * registration. Throws an Error if the port cannot be opened or registered, and when the device is removed.
 */
export function serve(
  device: string,
  ready: () => void,
  handle: Handler,
): never {
  const library = libibumad();
  library.umad_init();
  const port = library.umad_open_port(cString(device), 1);
  if (port < 0) throw new Error(`Cannot open the umad port of ${device}`);
  const methods = new Uint8Array(16);
  for (const method of REQUESTS) methods[method >> 3]! |= 1 << (method & 7);
  const agent = library.umad_register(
    port,
    MgmtClass.SubnAdm,
    SA_CLASS_VERSION,
    0,
    methods,
  );
  if (agent < 0) throw new Error(`Cannot register the SA class on ${device}`);
  ready();
  const bytes = new Uint8Array(UserMad.Data + MAD_LENGTH);
  const view = new DataView(bytes.buffer);
  const length = new Int32Array(1);
  for (;;) {
    length[0] = MAD_LENGTH;
    const got = library.umad_recv(
      port,
      bytes,
      new Uint8Array(length.buffer),
      NO_TIMEOUT_MS,
    );
    // With its high priority a loop over this error would take the processor from the rest of the machine.
    if (got === -Errno.EIO || got === -Errno.ENODEV) {
      throw new Error(`Device ${device} was removed`);
    }
    // umad_recv() also returns failed sends, with a status.
    if (got < 0 || view.getUint32(UserMad.Status, true) !== 0) continue;
    const answer = handle(bytes.slice(UserMad.Data), {
      lid: view.getUint16(UserMad.Lid),
      hasGrh: view.getUint8(UserMad.GrhPresent) !== 0,
    });
    if (answer === undefined) continue;
    // The buffer still has the requester's address, but not the Q_Key of QP1.
    view.setUint32(UserMad.Qkey, GSI_QKEY);
    bytes.set(answer, UserMad.Data);
    library.umad_send(port, agent, bytes, MAD_LENGTH, 0, 0);
  }
}
