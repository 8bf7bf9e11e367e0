/**
 * The end of libibverbs' `struct ibv_context`, whose offsets depend on the architecture: it follows a `pthread_mutex_t`
 * at offset 280, which has 40 bytes on x86-64 and 48 on 64-bit arm (glibc's bits/pthreadtypes-arch.h,
 * `__SIZEOF_PTHREAD_MUTEX_T`).
 */

const MUTEX = 280;

/** Returns the offset of `abi_compat`, a pointer, and the size of the struct in bytes on an architecture. */
export function contextEnd(
  arch: typeof Deno.build.arch,
): { readonly AbiCompat: number; readonly Size: number } {
  const at = MUTEX + (arch === "aarch64" ? 48 : 40);
  return { AbiCompat: at, Size: at + 8 };
}
