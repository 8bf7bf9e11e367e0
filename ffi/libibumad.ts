/** Symbol table of libibumad, without policy. `umad_layout.ts` has the struct layouts. */

import { guardLibrary } from "./errno.ts";
import { libc } from "./libc.ts";

const LIBRARY = "libibumad.so.3";

const symbols = {
  umad_init: { parameters: [], result: "i32" },
  // int umad_open_port(const char *ca_name, int portnum)
  umad_open_port: { parameters: ["buffer", "i32"], result: "i32" },
  umad_close_port: { parameters: ["i32"], result: "i32" },
  umad_get_fd: { parameters: ["i32"], result: "i32" },
  // int umad_register(int portid, int mgmt_class, int mgmt_version, uint8_t rmpp_version, long method_mask[])
  umad_register: {
    parameters: ["i32", "i32", "i32", "u8", "buffer"],
    result: "i32",
  },
  umad_unregister: { parameters: ["i32", "i32"], result: "i32" },
  // int umad_send(int portid, int agentid, void *umad, int length, int timeout_ms, int retries)
  umad_send: {
    parameters: ["i32", "i32", "buffer", "i32", "i32", "i32"],
    result: "i32",
  },
  // int umad_recv(int portid, void *umad, int *length, int timeout_ms)
  umad_recv: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions of libibumad that the program uses. */
export type Libibumad = Deno.DynamicLibrary<typeof symbols>["symbols"];

let opened: Libibumad | undefined;

/** Returns the library, opened at the first call in this thread. Throws the error of `Deno.dlopen` if it is missing. */
export function libibumad(): Libibumad {
  return opened ??= open();
}

function open(): Libibumad {
  libc();
  const raw = Deno.dlopen(LIBRARY, symbols).symbols;
  return guardLibrary(raw, symbols, new Set());
}
