/**
 * Symbol table of libibverbs, without policy. `verbs_layout.ts` has the struct layouts.
 *
 * The library is opened at first use. Handles (`struct ibv_context *` and others) are addresses; 0 is the null pointer.
 * The data path functions (`ibv_post_send`, `ibv_poll_cq`, ...) are inline in C and call function pointers of the
 * context; `libffi.ts` calls these pointers.
 */

import { guardLibrary } from "./errno.ts";
import { libc } from "./libc.ts";

const LIBRARY = "libibverbs.so.1";

const symbols = {
  // struct ibv_device **ibv_get_device_list(int *num_devices)
  ibv_get_device_list: { parameters: ["buffer"], result: "u64" },
  ibv_free_device_list: { parameters: ["u64"], result: "void" },
  ibv_open_device: { parameters: ["u64"], result: "u64" },
  ibv_close_device: { parameters: ["u64"], result: "i32" },
  // int ibv_query_device(struct ibv_context *, struct ibv_device_attr *)
  ibv_query_device: { parameters: ["u64", "buffer"], result: "i32" },
  // int ibv_query_port(struct ibv_context *, uint8_t port, struct _compat_ibv_port_attr *)
  ibv_query_port: { parameters: ["u64", "u8", "buffer"], result: "i32" },
  // int ibv_query_gid(struct ibv_context *, uint8_t port, int index, union ibv_gid *)
  ibv_query_gid: { parameters: ["u64", "u8", "i32", "buffer"], result: "i32" },
  // int ibv_query_pkey(struct ibv_context *, uint8_t port, int index, __be16 *)
  ibv_query_pkey: { parameters: ["u64", "u8", "i32", "buffer"], result: "i32" },
  ibv_alloc_pd: { parameters: ["u64"], result: "u64" },
  ibv_dealloc_pd: { parameters: ["u64"], result: "i32" },
  // struct ibv_mr *ibv_reg_mr(struct ibv_pd *, void *, size_t, int access)
  ibv_reg_mr: { parameters: ["u64", "u64", "u64", "i32"], result: "u64" },
  ibv_dereg_mr: { parameters: ["u64"], result: "i32" },
  ibv_create_comp_channel: { parameters: ["u64"], result: "u64" },
  ibv_destroy_comp_channel: { parameters: ["u64"], result: "i32" },
  // struct ibv_cq *ibv_create_cq(struct ibv_context *, int cqe, void *, struct ibv_comp_channel *, int vector)
  ibv_create_cq: {
    parameters: ["u64", "i32", "u64", "u64", "i32"],
    result: "u64",
  },
  ibv_destroy_cq: { parameters: ["u64"], result: "i32" },
  // int ibv_get_cq_event(struct ibv_comp_channel *, struct ibv_cq **, void **)
  ibv_get_cq_event: { parameters: ["u64", "buffer", "buffer"], result: "i32" },
  ibv_ack_cq_events: { parameters: ["u64", "u32"], result: "void" },
  // struct ibv_qp *ibv_create_qp(struct ibv_pd *, struct ibv_qp_init_attr *)
  ibv_create_qp: { parameters: ["u64", "buffer"], result: "u64" },
  ibv_modify_qp: { parameters: ["u64", "buffer", "i32"], result: "i32" },
  ibv_destroy_qp: { parameters: ["u64"], result: "i32" },
  // struct ibv_srq *ibv_create_srq(struct ibv_pd *, struct ibv_srq_init_attr *)
  ibv_create_srq: { parameters: ["u64", "buffer"], result: "u64" },
  ibv_destroy_srq: { parameters: ["u64"], result: "i32" },
  // struct ibv_ah *ibv_create_ah(struct ibv_pd *, struct ibv_ah_attr *)
  ibv_create_ah: { parameters: ["u64", "buffer"], result: "u64" },
  ibv_destroy_ah: { parameters: ["u64"], result: "i32" },
  // int ibv_attach_mcast(struct ibv_qp *, const union ibv_gid *, uint16_t lid)
  ibv_attach_mcast: { parameters: ["u64", "buffer", "u16"], result: "i32" },
  ibv_detach_mcast: { parameters: ["u64", "buffer", "u16"], result: "i32" },
  // int ibv_get_async_event(struct ibv_context *, struct ibv_async_event *)
  ibv_get_async_event: { parameters: ["u64", "buffer"], result: "i32" },
  ibv_ack_async_event: { parameters: ["buffer"], result: "void" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions of libibverbs that the program uses. */
export type Libibverbs = Deno.DynamicLibrary<typeof symbols>["symbols"];

/** Event functions, whose callers do not read errno. */
const UNGUARDED: ReadonlySet<string> = new Set([
  ...["ibv_get_cq_event", "ibv_ack_cq_events", "ibv_ack_async_event"],
]);

let opened: Libibverbs | undefined;

/** Returns the library, opened at the first call in this thread. Throws the error of `Deno.dlopen` if it is missing. */
export function libibverbs(): Libibverbs {
  return opened ??= open();
}

function open(): Libibverbs {
  libc();
  const raw = Deno.dlopen(LIBRARY, symbols).symbols;
  return guardLibrary(raw, symbols, UNGUARDED);
}

/** Returns true if the library can be opened. */
export function libraryExists(): boolean {
  try {
    Deno.dlopen(LIBRARY, {}).close();
    return true;
  } catch {
    return false;
  }
}
