/** Program that runs a command in which io_uring_setup(2) fails with EPERM, as under a container's seccomp profile. */

import { addressOf, libc } from "../../../ffi/libc.ts";
import { unwrap } from "../../../src/system/errno.ts";

const PR_SET_SECCOMP = 22;
const PR_SET_NO_NEW_PRIVS = 38;
const SECCOMP_MODE_FILTER = 2n;
const IO_URING_SETUP = 425;
const EPERM = 0x00050001;
const ALLOW = 0x7fff0000;

/** struct sock_filter: code u16, jump if true u8, jump if false u8, constant u32. */
const INSTRUCTIONS = [
  [0x20, 0, 0, 0],
  [0x15, 0, 1, IO_URING_SETUP],
  [0x06, 0, 0, EPERM],
  [0x06, 0, 0, ALLOW],
] as const;

const program = new Uint8Array(8 * INSTRUCTIONS.length);
const view = new DataView(program.buffer);
INSTRUCTIONS.forEach(([code, yes, no, constant], i) => {
  view.setUint16(8 * i, code, true);
  view.setUint8(8 * i + 2, yes);
  view.setUint8(8 * i + 3, no);
  view.setUint32(8 * i + 4, constant, true);
});
// struct sock_fprog: number of instructions u16, padding, address.
const header = new Uint8Array(16);
new DataView(header.buffer).setUint16(0, INSTRUCTIONS.length, true);
new DataView(header.buffer).setBigUint64(8, addressOf(program), true);

const { prctl } = libc();
unwrap(
  prctl(PR_SET_NO_NEW_PRIVS, 1n, 0n, 0n, 0n),
  "E_TEST",
  "set no_new_privs",
);
unwrap(
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, addressOf(header), 0n, 0n),
  "E_TEST",
  "filter system calls",
);
const [command, ...args] = Deno.args;
const child = new Deno.Command(command!, { args }).spawn();
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.addSignalListener(signal, () => child.kill(signal));
}
const { code } = await child.status;
Deno.exit(code);
