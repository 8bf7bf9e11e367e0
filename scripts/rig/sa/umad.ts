/** QP1 of the administrator's port: requests come and answers go through libibumad. */

import { cString } from "../../../ffi/libc.ts";
import { libibumad } from "../../../ffi/libibumad.ts";
import { UserMad } from "../../../ffi/umad_layout.ts";
import {
  GSI_QKEY,
  MAD_LENGTH,
  Method,
  MgmtClass,
} from "../../../src/wire/mad.ts";
import { SA_CLASS_VERSION } from "../../../src/wire/sa/sa_mad.ts";

const REQUESTS = [Method.Get, Method.Set, Method.GetTable, Method.Delete];
const FOR_EVER_MS = -1;

/** What becomes of a request from the port with this LID: the MAD of its answer, or nothing. */
export type Handler = (mad: Uint8Array, slid: number) => Uint8Array | undefined;

/** Serves requests to the SA on port 1 of a device, one after the other, until the process is ended. `ready` is called once. */
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
  if (agent < 0) throw new Error(`Cannot be the SA of ${device}`);
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
      FOR_EVER_MS,
    );
    // A send that failed comes back with a status.
    if (got < 0 || view.getUint32(UserMad.Status, true) !== 0) continue;
    const answer = handle(
      bytes.slice(UserMad.Data),
      view.getUint16(UserMad.Lid),
    );
    if (answer === undefined) continue;
    // The address is that of the request; the Q_Key of QP1 is not in it.
    view.setUint32(UserMad.Qkey, GSI_QKEY);
    bytes.set(answer, UserMad.Data);
    library.umad_send(port, agent, bytes, MAD_LENGTH, 0, 0);
  }
}
